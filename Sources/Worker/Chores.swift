import Glibc
import Synchronization

/// A few threads for what blocks: the disk, the account database, PAM, a placer. The loop never waits for any of it.
///
/// The queue is bounded by what it serves: one chore per run at a time.
final class Chores: Sendable {
    typealias Chore = @Sendable () -> Void

    private struct State {
        var queue: [Chore] = []
        var idle = 0
        var threads = 0
    }

    private let state = Mutex(State())
    private let wake = Signal()
    private let most: Int

    init(threads: Int = 4) { most = threads }

    func add(_ chore: @escaping Chore) {
        let needsThread = state.withLock { state in
            state.queue.append(chore)
            guard state.idle < state.queue.count, state.threads < most else { return false }
            state.threads += 1
            return true
        }
        if needsThread { start() } else { wake.send() }
    }

    private func start() {
        let held = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Chores>.fromOpaque(context).takeRetainedValue().work() }
                return nil
            }, held.toOpaque())
        if code == 0 {
            pthread_detach(thread)
        } else {
            held.release()
            state.withLock { $0.threads -= 1 }
        }
    }

    private func work() {
        while true {
            let chore = state.withLock { state -> Chore? in
                guard !state.queue.isEmpty else {
                    state.idle += 1
                    return nil
                }
                return state.queue.removeFirst()
            }
            if let chore {
                chore()
            } else {
                wake.wait()
                state.withLock { $0.idle -= 1 }
            }
        }
    }
}

/// A counting semaphore, sem_init(3).
private final class Signal: @unchecked Sendable {
    private let raw = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(raw, 0, 0) }
    deinit {
        sem_destroy(raw)
        raw.deallocate()
    }

    func send() { sem_post(raw) }
    func wait() { while sem_wait(raw) != 0 {} }
}

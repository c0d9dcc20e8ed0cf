import Glibc
import Synchronization

/// A few threads for what blocks: the disk, the account database, PAM, a placer. The loop never waits for any of it.
///
/// The queue is bounded by what it serves: one chore per run at a time. No owner has more than a share of the threads, so
/// that one who can hold up chores holds up nobody else's.
final class Chores: Sendable {
    typealias Chore = @Sendable () -> Void

    private struct State {
        var queue: [(owner: UInt32, chore: Chore)] = []
        /// How many chores of each owner are being done.
        var busy: [UInt32: Int] = [:]
        var idle = 0
        var threads = 0

        /// The first that may be done now.
        mutating func take(share: Int) -> (owner: UInt32, chore: Chore)? {
            guard let index = queue.firstIndex(where: { busy[$0.owner, default: 0] < share }) else { return nil }
            let taken = queue.remove(at: index)
            busy[taken.owner, default: 0] += 1
            return taken
        }

        mutating func done(_ owner: UInt32) {
            let left = busy[owner, default: 1] - 1
            busy[owner] = left > 0 ? left : nil
        }
    }

    private let state = Mutex(State())
    private let wake = Signal()
    private let most: Int
    private let share: Int

    init(threads: Int = 4, share: Int = .max) {
        most = threads
        self.share = share
    }

    /// `owner` is a uid, where the chore waits for what that user can hold up.
    func add(for owner: UInt32 = 0, _ chore: @escaping Chore) {
        let needsThread = state.withLock { state in
            state.queue.append((owner, chore))
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
            let taken = state.withLock { state in
                let taken = state.take(share: share)
                if taken == nil { state.idle += 1 }
                return taken
            }
            if let taken {
                taken.chore()
                state.withLock { $0.done(taken.owner) }
            } else {
                wake.wait()
                state.withLock { $0.idle -= 1 }
            }
        }
    }
}

/// A counting semaphore, sem_init(3); unchecked, because its only state is the `sem_t`, which is made for many threads.
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

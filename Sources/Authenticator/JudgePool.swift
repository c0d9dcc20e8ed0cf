import Foundation
import Synchronization

/// A few threads on which questions are decided, because PAM blocks.
final class JudgePool: Sendable {
    /// How many may wait; one more is refused.
    private static let mostWaiting = 256

    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let arrived = DispatchSemaphore(value: 0)
    private let threads: Int

    init(threads: Int) {
        self.threads = threads
        for _ in 0..<threads {
            let thread = Thread { [self] in work() }
            thread.name = "estiba-judge"
            thread.start()
        }
    }

    /// False where too many wait.
    func submit(_ work: @escaping @Sendable () -> Void) -> Bool {
        let isTaken = state.withLock { state in
            guard !state.isClosed, state.waiting.count < Self.mostWaiting else { return false }
            state.waiting.append(work)
            return true
        }
        if isTaken { arrived.signal() }
        return isTaken
    }

    /// The threads end after what they are at; what waits is dropped.
    func close() {
        state.withLock {
            $0.isClosed = true
            $0.waiting = []
        }
        for _ in 0..<threads { arrived.signal() }
    }

    private func work() {
        while true {
            arrived.wait()
            let (next, isClosed) = state.withLock { state in
                (state.waiting.isEmpty ? nil : state.waiting.removeFirst(), state.isClosed)
            }
            if isClosed { return }
            next?()
        }
    }
}

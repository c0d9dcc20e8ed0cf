import NIOCore
import Synchronization

/// Hands pieces from tasks that make them to the one that writes them, with no queue between: who hands over waits until
/// the piece is taken.
final class Handover: Sendable {
    private struct State {
        var next = 0
        var offered: [(seat: Int, piece: ByteBuffer, taken: CheckedContinuation<Void, any Error>)] = []
        var taker: CheckedContinuation<ByteBuffer?, Never>?
        var isFinished = false
    }

    private enum Step {
        case give(to: CheckedContinuation<ByteBuffer?, Never>)
        case wait
        case refuse
    }

    private let state = Mutex(State())

    /// Returns when the piece is taken; throws when nobody will take it any more, or the task is cancelled.
    func send(_ piece: ByteBuffer) async throws {
        let seat = state.withLock { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let step: Step = state.withLock { state in
                    if state.isFinished || Task.isCancelled { return .refuse }
                    if let taker = state.taker {
                        state.taker = nil
                        return .give(to: taker)
                    }
                    state.offered.append((seat, piece, continuation))
                    return .wait
                }
                switch step {
                case .give(let taker):
                    taker.resume(returning: piece)
                    continuation.resume()
                case .wait: break
                case .refuse: continuation.resume(throwing: CancellationError())
                }
            }
        } onCancel: {
            let waiting = state.withLock { state in
                state.offered.firstIndex { $0.seat == seat }.map { state.offered.remove(at: $0).taken }
            }
            waiting?.resume(throwing: CancellationError())
        }
    }

    /// The next piece; nil when `finish` was called and nothing is left. One task at a time calls it.
    func next() async -> ByteBuffer? {
        await withCheckedContinuation { continuation in
            let offer = state.withLock { state -> (ByteBuffer?, CheckedContinuation<Void, any Error>?)? in
                if !state.offered.isEmpty {
                    let first = state.offered.removeFirst()
                    return (first.piece, first.taken)
                }
                if state.isFinished { return (nil, nil) }
                state.taker = continuation
                return nil
            }
            guard let offer else { return }
            offer.1?.resume()
            continuation.resume(returning: offer.0)
        }
    }

    /// Nothing is made any more.
    func finish() {
        let taker = state.withLock { state in
            state.isFinished = true
            defer { state.taker = nil }
            return state.taker
        }
        taker?.resume(returning: nil)
    }
}

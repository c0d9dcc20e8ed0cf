import Synchronization

/// Whether `up` has been asked to end: asked by a signal, looked at and waited for elsewhere.
final class EndWish: Sendable {
    private let expressed = Mutex(false)
    private let stream: AsyncStream<Never>
    private let continuation: AsyncStream<Never>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    var isThere: Bool { expressed.withLock { $0 } }

    func express() {
        expressed.withLock { $0 = true }
        continuation.finish()
    }

    /// Returns when it has been expressed. For one waiter.
    func isExpressed() async {
        for await _ in stream {}
    }
}

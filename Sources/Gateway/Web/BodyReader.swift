import Hummingbird
import NIOCore
import Synchronization

/// Takes a request's body, within a size and at a pace.
struct BodyReader {
    let request: Request
    let limitBytes: Int
    /// What is gathered counts there.
    var share: BodyRoom.Share?

    private final class Gathered: Sendable {
        let bytes = Mutex(ByteBuffer())
    }

    /// What the reader and its watch share.
    private final class Pace: Sendable {
        let state = Mutex(BodyPace())
    }

    /// The whole body.
    func whole() async throws -> ByteBuffer {
        let gathered = Gathered()
        try await forEach { [share] piece in
            try share?.take(piece.readableBytes)
            gathered.bytes.withLock { _ = $0.writeImmutableBuffer(piece) }
        }
        return gathered.bytes.withLock { $0 }
    }

    /// Hands over piece by piece; the next one is read when `take` has returned. Throws `Refusal.tooLarge` and
    /// `Refusal.tooSlow`, and what `take` throws.
    func forEach(_ take: @escaping @Sendable (ByteBuffer) async throws -> Void) async throws {
        let pace = Pace()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await read(pace, take)
                return true
            }
            group.addTask {
                while !Task.isCancelled {
                    try await Task.sleep(for: .seconds(1))
                    if pace.state.withLock({ $0.isTooSlow(at: .now) }) { throw Refusal.tooSlow }
                }
                return false
            }
            defer { group.cancelAll() }
            _ = try await group.next()
        }
    }

    private func read(
        _ pace: Pace, _ take: @Sendable (ByteBuffer) async throws -> Void
    ) async throws {
        var received = 0
        var pieces = request.body.makeAsyncIterator()
        while true {
            pace.state.withLock { $0.waitBegan(at: .now) }
            guard let piece = try await pieces.next() else { return }
            pace.state.withLock { $0.received(piece.readableBytes, at: .now) }
            received += piece.readableBytes
            guard received <= limitBytes else { throw Refusal.tooLarge }
            try await take(piece)
        }
    }
}

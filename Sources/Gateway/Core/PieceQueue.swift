import Bus
import Messages
import ZeroMQ

/// Pieces of files on their way to the bulk lane, whose queue is short: one that finds it full waits here. On the loop.
///
/// Bounded by the credit of `Bulk`, which reads no more pieces than are taken.
final class PieceQueue {
    struct Piece {
        let header: Header
        let peer: Principal
        let body: [UInt8]
        var tag: [UInt8] = []
        let broker: Int
        let sent: @Sendable () -> Void
    }

    private static let again = Duration.milliseconds(2)
    /// A broker that takes nothing for so long gets no more of it; the node asks again.
    private static let patience = Duration.seconds(5)

    private let link: Link
    private let loop: PollLoop
    private var pieces: [(piece: Piece, since: ContinuousClock.Instant)] = []
    private var isWaiting = false

    init(_ link: Link, on loop: PollLoop) {
        self.link = link
        self.loop = loop
    }

    func add(_ piece: Piece) {
        pieces.append((piece, loop.now))
        if !isWaiting { send() }
    }

    /// Nothing is sent any more.
    func close() {
        for (piece, _) in pieces { piece.sent() }
        pieces = []
    }

    private func send() {
        isWaiting = false
        let taken = pieces.prefix { entry in
            let (piece, since) = entry
            let isTaken = link.send(
                .bulk, to: piece.peer, piece.header, body: piece.body, tag: piece.tag, via: piece.broker)
            return isTaken || !link.connected.contains(piece.broker) || loop.now - since > Self.patience
        }
        for (piece, _) in taken { piece.sent() }
        pieces.removeFirst(taken.count)
        guard !pieces.isEmpty else { return }
        isWaiting = true
        loop.after(Self.again) { [weak self] in self?.send() }
    }
}

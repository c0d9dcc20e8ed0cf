import Bus
import Messages
import ZeroMQ

/// Pieces of files on their way to the bulk lane, whose queue is short: one that finds it full waits here. On the loop.
///
/// Bounded by the credit of `Bulk`, which reads no more pieces than are taken.
final class PieceQueue {
    struct Piece {
        let header: Header
        /// Who is still to have it: nodes, or one gateway.
        var peers: [Principal]
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
        var done = 0
        while done < pieces.count, isDone(&pieces[done].piece, since: pieces[done].since) {
            pieces[done].piece.sent()
            done += 1
        }
        pieces.removeFirst(done)
        guard !pieces.isEmpty else { return }
        isWaiting = true
        loop.after(Self.again) { [weak self] in self?.send() }
    }

    /// True where it has been handed on, or will not be.
    private func isDone(_ piece: inout Piece, since: ContinuousClock.Instant) -> Bool {
        isTaken(&piece) || !link.connected.contains(piece.broker) || loop.now - since > Self.patience
    }

    private func isTaken(_ piece: inout Piece) -> Bool {
        if piece.peers.count > 1, link.sharesBulk(piece.broker) {
            return link.share(piece.header, body: piece.body, to: piece.peers.compactMap(\.node), via: piece.broker)
        }
        while let peer = piece.peers.last {
            let isTaken = link.send(
                .bulk, to: peer, piece.header, body: piece.body, tag: piece.tag, via: piece.broker)
            guard isTaken else { return false }
            piece.peers.removeLast()
        }
        return true
    }
}

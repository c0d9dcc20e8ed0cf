import Messages

/// The pieces of files that nodes ask for, those that are the same joined: a piece is read once, and travels once to the broker
/// for all nodes that want it. Decides only: no clock, no disk.
///
/// The nodes of an execution fetch abreast, so a chunk waits a moment for those that have not asked for it yet.
struct ChunkQueue {
    typealias Instant = ContinuousClock.Instant

    /// A piece and who asks for it.
    struct Joined: Equatable {
        let piece: ChunkWanted.Piece
        let nodes: [NodeName]
    }

    private struct Waiting {
        var nodes: Set<NodeName> = []
        let since: Instant
        var isReady = false
    }

    /// How long a chunk waits for other nodes: from the broker they get one after another, some milliseconds apart.
    static let patience = Duration.milliseconds(50)
    /// How much longer, while there are chunks that wait for nobody.
    static let longestPatience = Duration.milliseconds(400)
    /// Nodes of one message.
    static let mostNodes = 256
    /// Pieces that wait for one node, which has fewer under way and asks again for what does not come.
    static let mostOfOne = 64

    private var waiting: [ChunkWanted.Piece: Waiting] = [:]
    /// For how many pieces each node waits.
    private var counts: [NodeName: Int] = [:]
    /// As they were first asked for; what does not wait any more, or waits anew, is passed over.
    private var order: [(piece: ChunkWanted.Piece, since: Instant)] = []
    /// Nobody else is waited for.
    private var ready: [ChunkWanted.Piece] = []
    private var fetching: [ChunkWanted.Parcel: Abreast] = [:]
    private var lastLook: Instant?

    mutating func add(_ wanted: [ChunkWanted], at now: Instant) {
        forgetAbsent(at: now)
        for (piece, node) in wanted.lazy.map({ ($0.piece, $0.node) }) {
            // What is asked for again before it is sent is sent once.
            let isNew = waiting[piece]?.nodes.contains(node) != true
            guard !isNew || counts[node, default: 0] < Self.mostOfOne else { continue }
            fetching[piece.parcel, default: Abreast()].asked(node, for: piece.isList ? nil : piece.index, at: now)
            if waiting[piece] == nil {
                waiting[piece] = Waiting(since: now)
                order.append((piece, now))
            }
            if isNew { counts[node, default: 0] += 1 }
            waiting[piece]?.nodes.insert(node)
            guard waiting[piece]?.isReady == false, isWhole(piece) else { continue }
            waiting[piece]?.isReady = true
            ready.append(piece)
        }
    }

    /// The piece to send now, if there is one.
    mutating func next(at now: Instant) -> Joined? {
        let oldest = oldest()
        if let oldest, now >= oldest.due + Self.longestPatience { return take(oldest.piece) }
        while let piece = ready.first {
            ready.removeFirst()
            if waiting[piece]?.isReady == true { return take(piece) }
        }
        if let oldest, now >= oldest.due { return take(oldest.piece) }
        return nil
    }

    /// When there will be one, where no more is asked for.
    var nextDue: Instant? {
        mutating get { oldest()?.due }
    }

    // MARK: Own

    private func isWhole(_ piece: ChunkWanted.Piece) -> Bool {
        // A list is small, and its nodes wait for it with nothing else to do.
        if piece.isList || waiting[piece]?.nodes.count ?? 0 >= Self.mostNodes { return true }
        return fetching[piece.parcel]?.isSomebodyBefore(piece.index) != true
    }

    private mutating func oldest() -> (piece: ChunkWanted.Piece, due: Instant)? {
        guard let place = order.firstIndex(where: { waiting[$0.piece]?.since == $0.since }) else {
            order.removeAll(keepingCapacity: true)
            return nil
        }
        if place > 0 { order.removeFirst(place) }
        return (order[0].piece, order[0].since + Self.patience)
    }

    private mutating func take(_ piece: ChunkWanted.Piece) -> Joined? {
        guard let entry = waiting.removeValue(forKey: piece) else { return nil }
        let nodes = entry.nodes.sorted()
        let taken = Array(nodes.prefix(Self.mostNodes))
        for node in taken {
            let left = (counts[node] ?? 1) - 1
            counts[node] = left > 0 ? left : nil
        }
        let rest = nodes.dropFirst(Self.mostNodes)
        if !rest.isEmpty {
            waiting[piece] = Waiting(nodes: Set(rest), since: entry.since, isReady: true)
            ready.append(piece)
        }
        return Joined(piece: piece, nodes: taken)
    }

    private mutating func forgetAbsent(at now: Instant) {
        guard lastLook.map({ now - $0 >= Abreast.absence / 2 }) ?? true else { return }
        lastLook = now
        for parcel in fetching.keys {
            fetching[parcel]?.forgetAbsent(at: now)
            if fetching[parcel]?.isEmpty == true { fetching[parcel] = nil }
        }
    }
}

/// A piece of a file that a node asks for.
struct ChunkWanted: Sendable {
    /// The bytes of one file of an execution's order, by the broker through which they are asked for.
    struct Parcel: Hashable, Sendable {
        let execution: ExecutionID
        /// The request's, which comes back with the answer: the parcel's number.
        let sequence: UInt64
        let blob: [UInt8]
        let broker: Int
    }

    struct Piece: Hashable, Sendable {
        /// Asks for the list of hashes instead of a chunk.
        static let list = UInt32.max

        let parcel: Parcel
        let index: UInt32

        var isList: Bool { index == Self.list }
    }

    let piece: Piece
    let node: NodeName
}

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
        var nodes: [NodeName] = []
        let since: Instant
    }

    private struct Fetching {
        var last: Instant
        /// The chunk it asked for last, -1 for the list: they are asked for in their order.
        var index: Int
    }

    /// How long a chunk waits for other nodes: from the broker they get one after another, some milliseconds apart.
    static let patience = Duration.milliseconds(50)
    /// How much longer, while there are chunks that wait for nobody.
    static let longestPatience = Duration.milliseconds(400)
    /// A node that asked for a chunk so far before this one, or nearer, asks for this one soon. Who is farther behind is slow,
    /// and who is past it has it.
    static let reach = 32
    /// Who has not asked for anything for so long is not waited for.
    static let absence = Duration.milliseconds(500)
    /// Nodes of one message.
    static let mostNodes = 256

    private var waiting: [ChunkWanted.Piece: Waiting] = [:]
    /// As they were first asked for; what is not in `waiting` any more is passed over.
    private var order: [ChunkWanted.Piece] = []
    /// Nobody else is waited for.
    private var ready: [ChunkWanted.Piece] = []
    /// Who fetches a parcel, and where each node is.
    private var fetching: [ChunkWanted.Parcel: [NodeName: Fetching]] = [:]
    private var lastLook: Instant?

    mutating func add(_ wanted: [ChunkWanted], at now: Instant) {
        forgetAbsent(at: now)
        for (piece, node) in wanted.lazy.map({ ($0.piece, $0.node) }) {
            fetching[piece.parcel, default: [:]][node] = Fetching(
                last: now, index: piece.isList ? -1 : Int(piece.index))
            if waiting[piece] == nil { order.append(piece) }
            // What is asked for again before it is sent is sent once.
            guard waiting[piece]?.nodes.contains(node) != true else { continue }
            waiting[piece, default: Waiting(since: now)].nodes.append(node)
            if isWhole(piece) { ready.append(piece) }
        }
    }

    /// The piece to send now, if there is one.
    mutating func next(at now: Instant) -> Joined? {
        let oldest = oldest()
        if let oldest, now >= oldest.due + Self.longestPatience { return take(oldest.piece) }
        while let piece = ready.first {
            ready.removeFirst()
            if waiting[piece] != nil { return take(piece) }
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
        let soon = Int(piece.index) - Self.reach..<Int(piece.index)
        return fetching[piece.parcel]?.values.contains { soon.contains($0.index) } != true
    }

    private mutating func oldest() -> (piece: ChunkWanted.Piece, due: Instant)? {
        guard let place = order.firstIndex(where: { waiting[$0] != nil }), let entry = waiting[order[place]] else {
            order.removeAll(keepingCapacity: true)
            return nil
        }
        if place > 0 { order.removeFirst(place) }
        return (order[0], entry.since + Self.patience)
    }

    private mutating func take(_ piece: ChunkWanted.Piece) -> Joined? {
        guard let entry = waiting.removeValue(forKey: piece) else { return nil }
        let rest = entry.nodes.dropFirst(Self.mostNodes)
        if !rest.isEmpty {
            waiting[piece] = Waiting(nodes: Array(rest), since: entry.since)
            ready.append(piece)
        }
        return Joined(piece: piece, nodes: Array(entry.nodes.prefix(Self.mostNodes)))
    }

    private mutating func forgetAbsent(at now: Instant) {
        guard lastLook.map({ now - $0 >= Self.absence / 2 }) ?? true else { return }
        lastLook = now
        fetching = fetching.compactMapValues { nodes in
            let left = nodes.filter { now - $0.value.last < Self.absence }
            return left.isEmpty ? nil : left
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

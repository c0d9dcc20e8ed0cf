/// Gets the parcels of one order in chunks: each one's list where it is not on the node, then the chunks that are not,
/// some in flight, again what does not come. Decides only; that a chunk's hash is right is checked before it is said to
/// have arrived.
struct Fetch: Sendable {
    struct Piece: Hashable, Sendable {
        let parcel: Int
        /// Index of the chunk, or `list`.
        let index: UInt32
    }

    private struct Ask {
        let since: ContinuousClock.Instant
        let isFirst: Bool
    }

    static let list = UInt32.max
    /// Four reports a second at most.
    static let pause = Duration.milliseconds(250)

    private let parcels: [Parcel]
    private var wanted: [Piece] = []
    private var asked: [Piece: Ask] = [:]
    private var again: Set<Piece> = []
    private var window = Window()
    /// Parcels of which it is not known yet what is on the node.
    private var unknown: Set<Int>
    private var here = 0
    private let total: Int
    private var lastNews: (percent: Int, at: ContinuousClock.Instant?) = (0, nil)
    /// Bytes of chunks and lists that came over the bus, and bytes of chunks that were on the node.
    private(set) var fetchedBytes: UInt64 = 0
    private(set) var reusedBytes: UInt64 = 0

    init(_ parcels: [Parcel]) {
        self.parcels = parcels
        unknown = Set(parcels.indices)
        total = parcels.reduce(0) { $0 + Int($1.chunks) }
    }

    var isComplete: Bool { unknown.isEmpty && wanted.isEmpty && asked.isEmpty }
    var percent: Int { total == 0 ? 100 : here * 100 / total }
    var inFlight: Int { asked.count }

    /// The node has no list of this parcel.
    mutating func lacksList(of parcel: Int) { wanted.append(Piece(parcel: parcel, index: Self.list)) }

    /// The list is on the node, and these chunks are.
    mutating func begins(_ parcel: Int, holding held: Set<UInt32>) {
        guard unknown.remove(parcel) != nil else { return }
        here += held.count
        reusedBytes += held.reduce(0) { $0 + UInt64(parcels[parcel].bytes(of: $1)) }
        let missing = (0..<parcels[parcel].chunks).filter { !held.contains($0) }
        wanted.insert(contentsOf: missing.reversed().map { Piece(parcel: parcel, index: $0) }, at: 0)
    }

    /// What to ask for now; `room` is how many more the node as a whole may have in flight.
    mutating func requests(at now: ContinuousClock.Instant, room: Int = .max) -> [Piece] {
        let late = asked.filter { now - $0.value.since >= window.patience }.keys
        if !late.isEmpty { window.lost() }
        for piece in late { askAgain(piece) }
        var pieces: [Piece] = []
        while asked.count < window.size, pieces.count < room, let piece = wanted.popLast() {
            asked[piece] = Ask(since: now, isFirst: !again.contains(piece))
            pieces.append(piece)
        }
        return pieces
    }

    /// It came, but spoilt.
    mutating func spoilt(_ piece: Piece) { if asked[piece] != nil { askAgain(piece) } }

    private mutating func askAgain(_ piece: Piece) {
        asked[piece] = nil
        again.insert(piece)
        wanted.append(piece)
    }

    /// Whether a piece that has come is waited for.
    func awaits(_ piece: Piece) -> Bool { asked[piece] != nil }

    /// A verified piece; false for one that was not asked for or came twice.
    mutating func arrived(_ piece: Piece, bytes: Int, at now: ContinuousClock.Instant) -> Bool {
        guard let ask = asked.removeValue(forKey: piece) else { return false }
        // Of one that was asked for twice nobody knows which request was answered.
        if ask.isFirst { window.arrived(after: now - ask.since) }
        again.remove(piece)
        fetchedBytes += UInt64(bytes)
        if piece.index != Self.list { here += 1 }
        return true
    }

    /// The percentage to report, when it is another than the last and that was a while ago.
    mutating func news(at now: ContinuousClock.Instant) -> Int? {
        guard percent > lastNews.percent, percent < 100 else { return nil }
        if let last = lastNews.at, now - last < Self.pause { return nil }
        lastNews = (percent, now)
        return percent
    }
}

import Messages

/// Gets the files of one order in chunks: first each blob's list, then its chunks, a few in flight, again what does not
/// come. Decides only; that a chunk's hash is right is checked before it is said to have arrived.
struct Fetch: Sendable {
    struct Piece: Hashable, Sendable {
        let file: Int
        /// Index of the chunk, or `list`.
        let index: UInt32
    }

    static let list = UInt32.max
    static let chunkBytes: UInt64 = 1 << 20
    static let window = 4
    static let patience = Duration.seconds(3)

    private let chunks: [UInt32]
    private var wanted: [Piece]
    private var asked: [Piece: ContinuousClock.Instant] = [:]
    private var arrived = 0
    private let total: Int
    private var lastPercent = 0

    /// `sizes` are the files' sizes in bytes.
    init(sizes: [UInt64]) {
        chunks = sizes.map { UInt32(clamping: ($0 + Self.chunkBytes - 1) / Self.chunkBytes) }
        wanted = sizes.indices.reversed().map { Piece(file: $0, index: Self.list) }
        total = chunks.reduce(0) { $0 + Int($1) } + sizes.count
    }

    var isComplete: Bool { wanted.isEmpty && asked.isEmpty }
    var percent: Int { total == 0 ? 100 : arrived * 100 / total }

    /// What to ask for now.
    mutating func requests(at now: ContinuousClock.Instant) -> [Piece] {
        for (piece, since) in asked where now - since >= Self.patience {
            asked[piece] = nil
            wanted.append(piece)
        }
        var pieces: [Piece] = []
        while asked.count < Self.window, let piece = wanted.popLast() {
            asked[piece] = now
            pieces.append(piece)
        }
        return pieces
    }

    /// A verified piece; false for one that was not asked for or came twice.
    mutating func arrived(_ piece: Piece) -> Bool {
        guard asked.removeValue(forKey: piece) != nil else { return false }
        arrived += 1
        if piece.index == Self.list, chunks[piece.file] > 0 {
            wanted += (0..<chunks[piece.file]).reversed().map { Piece(file: piece.file, index: $0) }
        }
        return true
    }

    /// The percentage to report, when it has grown by at least ten since the last time.
    mutating func news() -> Int? {
        guard percent >= lastPercent + 10, percent < 100 else { return nil }
        lastPercent = percent
        return percent
    }

    var recheck: ContinuousClock.Instant? { asked.values.min().map { $0 + Self.patience } }
}

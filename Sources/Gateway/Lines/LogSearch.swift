import Spool

/// Looks through a whole log, piece by piece, for lines that match; says their numbers among the lines of a filter.
///
/// Of a line longer than 64 KiB its first 64 KiB are looked at.
struct LogSearch {
    static let lineBytes = 64 << 10
    /// A piece ends at the first entry beyond these.
    static let pieceBytes = 4 << 20
    static let pieceTime = Duration.milliseconds(20)
    static let mostMatches = 100_000

    private let filter: LineFilter
    private let most: Int
    private var sought: LineSought
    private var assembly: LineAssembly
    private var item = 0
    /// The number of the next line.
    private(set) var line = 0
    private(set) var count = 0
    /// Matches since the last piece.
    private(set) var matches: [Int] = []

    /// At most `most` matches are told; it ends there.
    init(_ sought: LineSought, _ filter: LineFilter, most: Int) {
        (self.sought, self.filter, self.most) = (sought, filter, most)
        assembly = LineAssembly(filter)
        assembly.headBytes = Self.lineBytes
    }

    var isFull: Bool { count >= most }

    /// Takes the next piece before item `end`; false where there was none left.
    mutating func advance(_ log: LogItems, to end: Int) throws(LogReader.Problem) -> Bool {
        matches = []
        let began = ContinuousClock.now
        var bytes = 0
        while item < end, !isFull {
            for next in try log.items(from: item, limit: min(LineMap.blockItems, end - item)) {
                item += 1
                guard filter.takes(next.run) else { continue }
                try take(next, log)
                bytes += LogEntry.headerSize + Int(next.length)
                if isFull || bytes >= Self.pieceBytes || began.duration(to: .now) > Self.pieceTime { return true }
            }
        }
        return !matches.isEmpty
    }

    /// Looks at the lines that have no end yet, which come last.
    mutating func finish() {
        matches = []
        for (_, head) in assembly.open.sorted(by: { $0.key < $1.key }) { look(at: head) }
    }

    private mutating func take(_ next: LogIndex.Item, _ log: LogItems) throws(LogReader.Problem) {
        let (entry, records) = try log.entry(next)
        guard !next.isGap else {
            if !isFull, assembly.cut(run: entry.run).contains(where: { isMatch($0.1) }) { note(line) }
            line += 1
            return
        }
        // Most entries have no match, and their lines are counted in the index.
        let mayMatch = records.withUnsafeBytes { sought.mayBe(in: $0) }
        let joined = mayMatch ? [] : assembly.endings(run: next.run, records: records)
        guard mayMatch || joined.contains(where: { isMatch($0) }) else {
            assembly.skim(run: next.run, records: records)
            line += filter.lines(in: next)
            return
        }
        var ended: [LineHead] = []
        _ = assembly.take(run: next.run, records: records) { _, head in
            ended.append(head)
            return true
        }
        for head in ended { look(at: head) }
    }

    private mutating func look(at head: LineHead) {
        if !isFull, isMatch(head) { note(line) }
        line += 1
    }

    private mutating func isMatch(_ head: LineHead) -> Bool { head.bytes.withUnsafeBytes { sought.matches($0) } }

    private mutating func note(_ line: Int) {
        matches.append(line)
        count += 1
    }
}

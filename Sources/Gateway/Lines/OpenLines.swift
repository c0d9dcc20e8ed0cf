import Spool

/// The lines without an end at the end of a log: what each source has written since its last newline. Grows with the log.
struct OpenLines: Sendable {
    /// More items than this since the last look, and it looks back anew instead of reading on.
    static let mostItems = 512
    /// Of all heads together; many runs are shown by less each.
    static let mostBytes = 4 << 20
    static let budgetBytes = 32 << 20

    private var assembly = LineAssembly(LineFilter())
    /// Items that are taken in; nil before the first look.
    private var items: Int?

    /// By run and stream.
    func lines(_ filter: LineFilter) -> [Line] {
        assembly.open.filter { filter.takes($0.key.run) && filter.takes($0.key.stream) }
            .sorted { $0.key < $1.key }
            .map { Line(run: $0.key.run, content: .output($0.key.stream, $0.value)) }
    }

    /// Takes in everything before item `end`.
    mutating func advance(_ log: LogItems, to end: Int, runs: Int) throws(LogReader.Problem) {
        guard let seen = items, end >= seen, end - seen <= Self.mostItems else {
            return try lookBack(log, from: end, runs: runs)
        }
        for item in try log.items(from: seen, limit: end - seen) {
            let (entry, records) = try log.entry(item)
            if item.isGap {
                _ = assembly.cut(run: entry.run)
            } else {
                assembly.skim(run: item.run, records: records)
            }
        }
        items = end
    }

    private mutating func lookBack(_ log: LogItems, from end: Int, runs: Int) throws(LogReader.Problem) {
        assembly = LineAssembly(LineFilter())
        assembly.headBytes = min(LineHead.shownBytes, max(64, Self.mostBytes / max(1, 2 * runs)))
        let sources = (0..<UInt32(clamping: runs)).flatMap { run in
            [Spool.Stream.stdout, .stderr].map { LineSource(run: run, stream: $0) }
        }
        var budget = ReadingBudget(bytes: Self.budgetBytes)
        let beginnings = LineBeginnings(log: log, headBytes: assembly.headBytes)
        for (source, head) in try beginnings.find(Set(sources), before: end, &budget) {
            assembly.begin(source, with: head)
        }
        items = end
    }
}

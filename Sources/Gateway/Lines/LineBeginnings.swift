import Spool

/// Finds how lines begin that stand open before an item: looks back in the index to where each source's last line ended,
/// and reads from there.
///
/// Of a line that spans many entries only the first and the last of them are read: enough for what is shown of it.
struct LineBeginnings {
    static let mostEntries = 32
    static let mostItems = 1 << 18

    private struct Found {
        /// The latest items that may hold some of it, newest first, and the earliest of all seen so far.
        var latest: [LogIndex.Item] = []
        var earliest: [LogIndex.Item] = []

        mutating func append(_ item: LogIndex.Item) {
            if latest.count < mostEntries {
                latest.append(item)
            } else {
                earliest.append(item)
                if earliest.count > 2 * mostEntries { earliest.removeFirst(mostEntries) }
            }
        }

        /// In the order of the log.
        var items: [LogIndex.Item] { (latest + earliest.suffix(mostEntries)).reversed() }
    }

    let log: LogItems
    var headBytes = LineHead.shownBytes

    /// The open lines of `sources` before item `end`; those that have none are left out.
    func find(_ sources: Set<LineSource>, before end: Int, _ budget: inout ReadingBudget) throws(LogReader.Problem)
        -> [LineSource: LineHead]
    {
        var wanted: [UInt32: Set<LineSource>] = [:]
        for source in sources { wanted[source.run, default: []].insert(source) }
        var found: [LineSource: Found] = [:]
        var last = end
        let least = max(0, end - Self.mostItems)
        while last > least, !wanted.isEmpty {
            let first = max(least, last - LineMap.blockItems)
            for item in try log.items(from: first, limit: last - first).reversed() {
                guard let open = wanted[item.run] else { continue }
                let done = Self.note(item, open, &found)
                wanted[item.run] = done == open ? nil : open.subtracting(done)
            }
            last = first
        }
        var heads: [LineSource: LineHead] = [:]
        for (source, found) in found {
            let head = try read(found.items, source, &budget)
            if !head.isEmpty { heads[source] = head }
        }
        return heads
    }

    /// The sources whose open line cannot have begun before this item.
    private static func note(
        _ item: LogIndex.Item, _ open: Set<LineSource>, _ found: inout [LineSource: Found]
    ) -> Set<LineSource> {
        guard !item.isGap else { return open }
        var done: Set<LineSource> = []
        for source in open {
            found[source, default: Found()].append(item)
            if item.lines(of: source.stream) > 0 || item.position == 0 { done.insert(source) }
        }
        return done
    }

    private func read(_ items: [LogIndex.Item], _ source: LineSource, _ budget: inout ReadingBudget)
        throws(LogReader.Problem) -> LineHead
    {
        var filter = LineFilter()
        (filter.hasStdout, filter.hasStderr) = (source.stream == .stdout, source.stream == .stderr)
        var assembly = LineAssembly(filter)
        assembly.headBytes = headBytes
        for item in items {
            guard budget.take(item), assembly.open[source].map({ !$0.isCut }) ?? true else { break }
            assembly.skim(run: source.run, records: try log.entry(item).records)
        }
        return assembly.open[source] ?? LineHead()
    }
}

/// How much of a log one request may read.
struct ReadingBudget {
    private(set) var bytes: Int

    /// False where it is used up; the first entry is always granted.
    mutating func take(_ item: LogIndex.Item) -> Bool {
        guard bytes > 0 else { return false }
        bytes -= LogEntry.headerSize + Int(item.length)
        return true
    }
}

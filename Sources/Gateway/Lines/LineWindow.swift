import Spool

/// A line as a reader is shown it.
struct Line: Equatable, Sendable {
    enum Content: Equatable, Sendable {
        case output(Spool.Stream, LineHead)
        /// Bytes [from, to) of the run's spool are lost; `before` are lines that it cut off.
        case gap(from: UInt64, to: UInt64, before: [LineHead])
    }

    var run: UInt32
    var content: Content

    var shownBytes: Int {
        switch content {
        case .output(_, let head): head.bytes.count
        case .gap(_, _, let before): before.reduce(0) { $0 + $1.bytes.count }
        }
    }
}

/// Reads some lines out of the middle of a log: from the block of the index that holds the first, on.
struct LineWindow {
    static let mostLines = 1000
    /// A window of long lines ends earlier.
    static let mostBytes = 1 << 20
    static let budgetBytes = 16 << 20
    static let mostItems = 1 << 20
    /// A larger entry in which no line ends is not read unless a line is shown that goes through it.
    static let smallBytes = 4096

    private let log: LogItems
    private let filter: LineFilter
    private let count: Int
    private var assembly: LineAssembly
    private var budget = ReadingBudget(bytes: budgetBytes)
    private var lines: [Line] = []
    private var bytes = 0
    /// Lines of the filter to pass over before the first one wanted.
    private var skip: Int
    /// Sources of which all is read since their last line ended.
    private var known: Set<LineSource> = []

    /// At most `count` lines from number `from` on, fewer where they are long; none beyond the end.
    static func read(_ log: LogItems, _ map: LineMap, from: Int, count: Int) throws(LogReader.Problem) -> [Line] {
        guard from < map.total, count > 0 else { return [] }
        let start = map.block(of: from)
        var window = LineWindow(log, map.filter, count: min(count, mostLines), skip: from - start.linesBefore)
        try window.walk(from: start.item, to: min(map.items, start.item + mostItems))
        return window.lines
    }

    private init(_ log: LogItems, _ filter: LineFilter, count: Int, skip: Int) {
        (self.log, self.filter, self.count, self.skip) = (log, filter, count, skip)
        assembly = LineAssembly(filter)
    }

    private mutating func walk(from start: Int, to end: Int) throws(LogReader.Problem) {
        var at = start
        var hasBegun = false
        while at < end {
            let items = try log.items(from: at, limit: min(LineMap.blockItems, end - at))
            guard !items.isEmpty else { return }
            for (place, item) in items.enumerated() where filter.takes(item.run) {
                let lines = filter.lines(in: item)
                if !hasBegun, skip >= lines {
                    skip -= lines
                    continue
                }
                hasBegun = true
                if lines == 0, item.length > Self.smallBytes {
                    for source in sources(of: item.run) { known.remove(source) }
                    continue
                }
                guard try take(item, at + place) else { return }
            }
            at += items.count
        }
    }

    /// False when it is enough.
    private mutating func take(_ item: LogIndex.Item, _ number: Int) throws(LogReader.Problem) -> Bool {
        guard budget.take(item) else { return false }
        let (entry, records) = try log.entry(item)
        guard !item.isGap else { return try takeGap(entry, number) }
        for source in sources(of: item.run) where !known.contains(source) { assembly.forget(source) }
        var ended: [(LineSource, LineHead)] = []
        var passed: Set<LineSource> = []
        let room = count - lines.count
        let passing = skip
        skip -= min(skip, filter.lines(in: item))
        _ = assembly.take(run: item.run, records: records, passing: passing, passed: { passed.insert($0) }) {
            source, head in
            ended.append((source, head))
            return ended.count < room
        }
        known.formUnion(passed)
        for (source, head) in ended {
            let isKnown = !known.insert(source).inserted
            var whole = isKnown ? LineHead() : try beginning(of: [source], before: number)[source] ?? LineHead()
            whole.append(head)
            guard append(Line(run: item.run, content: .output(source.stream, whole))) else { return false }
        }
        return true
    }

    private mutating func takeGap(_ entry: LogEntry, _ number: Int) throws(LogReader.Problem) -> Bool {
        let sources = sources(of: entry.run)
        let unknown = Set(sources).subtracting(known)
        for source in unknown { assembly.forget(source) }
        for (source, head) in try beginning(of: unknown, before: number) { assembly.begin(source, with: head) }
        known.formUnion(sources)
        let before = assembly.cut(run: entry.run).map(\.1)
        if skip > 0 {
            skip -= 1
            return true
        }
        return append(Line(run: entry.run, content: .gap(from: entry.from, to: entry.to, before: before)))
    }

    private mutating func append(_ line: Line) -> Bool {
        lines.append(line)
        bytes += line.shownBytes
        return lines.count < count && bytes < Self.mostBytes
    }

    private func sources(of run: UInt32) -> [LineSource] {
        [Spool.Stream.stdout, .stderr].filter(filter.takes).map { LineSource(run: run, stream: $0) }
    }

    private mutating func beginning(
        of sources: Set<LineSource>, before number: Int
    ) throws(LogReader.Problem) -> [LineSource: LineHead] {
        guard !sources.isEmpty else { return [:] }
        return try LineBeginnings(log: log).find(sources, before: number, &budget)
    }
}

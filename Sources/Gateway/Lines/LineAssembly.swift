import Spool

/// Joins the records of a log's entries to lines, each source for itself. Decides only.
struct LineAssembly: Sendable {
    let filter: LineFilter
    /// How much of a line is kept.
    var headBytes = LineHead.shownBytes
    /// What has begun and not ended.
    private(set) var open: [LineSource: LineHead] = [:]

    init(_ filter: LineFilter) { self.filter = filter }

    /// Takes the records of an entry of a run; `ended` gets each line that ends in it and returns false when it is enough.
    /// Of the first `passing` lines nothing is made; `passed` is told of their sources.
    ///
    /// False where it was enough: the rest of the entry is not taken.
    mutating func take(
        run: UInt32, records: [UInt8], passing: Int = 0, passed: (LineSource) -> Void = { _ in },
        _ ended: (LineSource, LineHead) throws -> Bool
    ) rethrows -> Bool {
        var left = passing
        return try records.withUnsafeBytes { bytes in
            var offset = 0
            while case .success(let record) = RecordCursor.record(in: bytes, at: offset, checks: false) {
                offset = record.range.upperBound
                guard filter.takes(record.stream) else { continue }
                let source = LineSource(run: run, stream: record.stream)
                let content = UnsafeRawBufferPointer(rebasing: bytes[record.range])
                let start = pass(content, of: source, &left, passed)
                guard try take(content, from: start, record.timeNanoseconds, of: source, ended) else { return false }
            }
            return true
        }
    }

    /// Passes over lines; where the first one begins that is not.
    private mutating func pass(
        _ content: UnsafeRawBufferPointer, of source: LineSource, _ left: inout Int, _ passed: (LineSource) -> Void
    ) -> Int {
        var start = 0
        while left > 0, let end = Newlines.first(in: content, from: start) {
            if start == 0 {
                open[source] = nil
                passed(source)
            }
            left -= 1
            start = end + 1
        }
        return start
    }

    private mutating func take(
        _ content: UnsafeRawBufferPointer, from first: Int, _ time: UInt64, of source: LineSource,
        _ ended: (LineSource, LineHead) throws -> Bool
    ) rethrows -> Bool {
        var start = first
        while let end = Newlines.first(in: content, from: start) {
            var head = start == 0 ? open.removeValue(forKey: source) ?? LineHead() : LineHead()
            head.append(
                UnsafeRawBufferPointer(rebasing: content[start..<end]), timeNanoseconds: time, limit: headBytes)
            start = end + 1
            guard try ended(source, head) else { return false }
        }
        if start < content.count {
            open[source, default: LineHead()].append(
                UnsafeRawBufferPointer(rebasing: content[start...]), timeNanoseconds: time, limit: headBytes)
        }
        return true
    }

    /// Takes the records as `take` does, for who needs only what stands open behind them.
    mutating func skim(run: UInt32, records: [UInt8]) {
        records.withUnsafeBytes { bytes in
            Self.forEach(filter, in: bytes, run: run) { source, content, time in
                guard let last = Newlines.last(in: content) else {
                    open[source, default: LineHead()].append(content, timeNanoseconds: time, limit: headBytes)
                    return
                }
                open[source] = nil
                guard last + 1 < content.count else { return }
                var head = LineHead()
                head.append(
                    UnsafeRawBufferPointer(rebasing: content[(last + 1)...]), timeNanoseconds: time, limit: headBytes)
                open[source] = head
            }
        }
    }

    /// The lines that would end in these records and have begun in earlier ones, of this entry or another.
    func endings(run: UInt32, records: [UInt8]) -> [LineHead] {
        var left = open.filter { $0.key.run == run }
        var ended: [LineHead] = []
        records.withUnsafeBytes { bytes in
            Self.forEach(filter, in: bytes, run: run) { source, content, time in
                var head = left.removeValue(forKey: source)
                let end = Newlines.first(in: content, from: 0)
                head?.append(
                    UnsafeRawBufferPointer(rebasing: content[..<(end ?? content.count)]), timeNanoseconds: time,
                    limit: headBytes)
                if end != nil, let head { ended.append(head) }
                if end == nil, head != nil {
                    left[source] = head
                } else if let rest = Optional((Newlines.last(in: content) ?? -1) + 1), rest < content.count {
                    var next = LineHead()
                    next.append(
                        UnsafeRawBufferPointer(rebasing: content[rest...]), timeNanoseconds: time, limit: headBytes)
                    left[source] = next
                }
            }
        }
        return ended
    }

    private static func forEach(
        _ filter: LineFilter, in bytes: UnsafeRawBufferPointer, run: UInt32,
        _ body: (LineSource, UnsafeRawBufferPointer, UInt64) -> Void
    ) {
        var offset = 0
        while case .success(let record) = RecordCursor.record(in: bytes, at: offset, checks: false) {
            offset = record.range.upperBound
            guard filter.takes(record.stream), record.header.length > 0 else { continue }
            body(
                LineSource(run: run, stream: record.stream), UnsafeRawBufferPointer(rebasing: bytes[record.range]),
                record.timeNanoseconds)
        }
    }

    /// A gap ends what a run has begun: gives what there was, in the order of the streams.
    mutating func cut(run: UInt32) -> [(LineSource, LineHead)] {
        let ended = open.filter { $0.key.run == run }.sorted { $0.key < $1.key }
        for (source, _) in ended { open[source] = nil }
        return ended.map { ($0.key, $0.value) }
    }

    mutating func forget(_ source: LineSource) { open[source] = nil }

    /// Puts what was begun earlier before what has begun since.
    mutating func begin(_ source: LineSource, with head: LineHead) {
        var whole = head
        if let since = open[source] { whole.append(since, limit: headBytes) }
        open[source] = whole.isEmpty ? nil : whole
    }
}

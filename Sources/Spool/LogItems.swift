import Glibc

/// The items of a log's index by their numbers, and the entries they stand for: reads anywhere in a log of any length.
///
/// Any number may read while one writer appends; an item is there only after its entry. An item that the disk has changed is
/// made anew from its entry.
package final class LogItems: Sendable {
    package let reader: LogReader
    private let index: File

    /// Where there is no index of this log, it is made first, which takes as long as reading the log does.
    package init(_ reader: LogReader) throws(LogReader.Problem) {
        let path = LogIndex.path(ofLog: reader.open.file.path)
        self.reader = reader
        let found = try? File(path)
        if let found, (try? found.bytes(at: 0, count: LogIndex.headerSize)) == LogIndex.header(log: reader.log) {
            index = found
            return
        }
        try LogIndex.rebuild(reader)
        index = try LogReader.calling { () throws(SystemError) in try File(path) }
    }

    /// How many items there are just now.
    package func count() throws(LogReader.Problem) -> Int {
        let size = try LogReader.calling { () throws(SystemError) in try index.size() }
        return max(0, size - LogIndex.headerSize) / LogIndex.Item.size
    }

    /// Items from number `first` on, at most `limit`; fewer at the end.
    package func items(from first: Int, limit: Int) throws(LogReader.Problem) -> [LogIndex.Item] {
        let found = try stored(from: first, limit: limit)
        var items: [LogIndex.Item] = []
        items.reserveCapacity(found.count)
        for (place, item) in found.enumerated() {
            if let item {
                items.append(item)
            } else {
                items.append(try mended(first + place, after: items.last, before: found[(place + 1)...]))
            }
        }
        return items
    }

    private func stored(from first: Int, limit: Int) throws(LogReader.Problem) -> [LogIndex.Item?] {
        let found = try LogReader.calling { () throws(SystemError) in
            try LogIndex.items(index, log: reader.log, from: UInt64(max(0, first)), limit: limit)
        }
        guard let found else { throw .notALog }
        return found
    }

    /// An item that does not hold, from its entry: that begins where the one before ends.
    private func mended(
        _ number: Int, after known: LogIndex.Item?, before next: ArraySlice<LogIndex.Item?>
    ) throws(LogReader.Problem) -> LogIndex.Item {
        var before = known
        if before == nil, number > 0 { before = try items(from: number - 1, limit: 1).first }
        let offset = before?.next ?? LogReader.start
        let head = try reader.bytes(at: offset, count: LogEntry.headerSize)
        if let entry = head.withUnsafeBytes({ LogEntry($0) }) {
            let records = try reader.bytes(at: offset + UInt64(LogEntry.headerSize), count: entry.length)
            return records.withUnsafeBytes { LogIndex.Item(entry, at: offset, records: $0) }
        }
        // Neither holds: what lies up to the next item is of no run.
        guard let end = next.first(where: { $0 != nil })??.offset, end >= offset + UInt64(LogEntry.headerSize) else {
            throw .damaged(offset: offset)
        }
        return LogIndex.Item(
            offset: offset, position: 0, run: .max,
            length: UInt32(clamping: end - offset - UInt64(LogEntry.headerSize)))
    }

    /// The number of the item whose entry begins at `offset`, or holds it; nil beyond the end.
    func number(at offset: UInt64) throws(LogReader.Problem) -> Int? {
        var (low, high) = (0, try count())
        while low < high {
            let middle = (low + high) / 2
            guard let item = try items(from: middle, limit: 1).first else { return nil }
            if item.next <= offset { low = middle + 1 } else { high = middle }
        }
        return low < (try count()) ? low : nil
    }

    /// The entry of an item: its header, and its records. Those that do not hold are replaced by a notice.
    package func entry(_ item: LogIndex.Item) throws(LogReader.Problem) -> (LogEntry, records: [UInt8]) {
        var bytes = try reader.bytes(at: item.offset, count: LogEntry.headerSize + Int(item.length))
        guard bytes.count == LogEntry.headerSize + Int(item.length) else { throw .damaged(offset: item.offset) }
        let found = bytes.withUnsafeBytes { LogEntry($0) }
        bytes.removeFirst(LogEntry.headerSize)
        guard let entry = found, entry.run == item.run, entry.length == bytes.count else {
            guard item.length > 0 else {
                return (LogEntry(.gap, run: item.run, from: item.position, to: item.end, timeNanoseconds: 0), [])
            }
            let told = LogEntry(
                .slice, run: item.run, from: item.position, to: item.position + UInt64(item.length),
                timeNanoseconds: reader.header.createdNanoseconds)
            return (told, LogDamage.mended(bytes, item))
        }
        let isIntact = bytes.withUnsafeBytes { RecordCursor.areIntact($0) }
        return (entry, isIntact ? bytes : LogDamage.mended(bytes, item))
    }
}

extension LogIndex {
    /// Makes the index of a log that nobody writes to, up to where its entries hold.
    static func rebuild(_ reader: LogReader) throws(LogReader.Problem) {
        let path = path(ofLog: reader.open.file.path)
        let beside = path + ".\(UInt32.random(in: 0 ... .max))"
        do throws(LogReader.Problem) {
            let file = try LogReader.calling { () throws(SystemError) in try File(beside, O_WRONLY | O_CREAT | O_EXCL) }
            var offset = LogReader.start
            var items = header(log: reader.log)
            while true {
                let head = try reader.bytes(at: offset, count: LogEntry.headerSize)
                guard let entry = head.withUnsafeBytes({ LogEntry($0) }) else { break }
                let records = try reader.bytes(at: offset + UInt64(LogEntry.headerSize), count: entry.length)
                guard records.count == entry.length else { break }
                items += records.withUnsafeBytes { Item(entry, at: offset, records: $0) }.bytes
                offset += UInt64(entry.size)
                if items.count >= 1 << 20 {
                    try LogReader.calling { () throws(SystemError) in try file.write(items) }
                    items = []
                }
            }
            try LogReader.calling { () throws(SystemError) in
                try file.write(items)
                try File.check("rename", path) { rename(beside, path) }
            }
        } catch {
            unlink(beside)
            throw error
        }
    }
}

/// The items of a log's index by their numbers, and the entries they stand for: reads anywhere in a log of any length.
///
/// Any number may read while one writer appends; an item is there only after its entry.
package final class LogItems: Sendable {
    package let reader: LogReader
    private let index: File

    /// Throws `notALog` where the index is of another log.
    package init(_ reader: LogReader) throws(LogReader.Problem) {
        let path = LogIndex.path(ofLog: reader.open.file.path)
        let file = try LogReader.calling { () throws(SystemError) in try File(path) }
        let log = reader.log
        let isOurs = try LogReader.calling { () throws(SystemError) in
            try file.bytes(at: 0, count: LogIndex.headerSize) == LogIndex.header(log: log)
        }
        guard isOurs else { throw .notALog }
        self.reader = reader
        index = file
    }

    /// How many items there are just now.
    package func count() throws(LogReader.Problem) -> Int {
        let size = try LogReader.calling { () throws(SystemError) in try index.size() }
        return max(0, size - LogIndex.headerSize) / LogIndex.Item.size
    }

    /// Items from number `first` on, at most `limit`; fewer at the end.
    package func items(from first: Int, limit: Int) throws(LogReader.Problem) -> [LogIndex.Item] {
        let bytes = try LogReader.calling { () throws(SystemError) in
            try index.bytes(at: LogIndex.headerSize + first * LogIndex.Item.size, count: limit * LogIndex.Item.size)
        }
        return bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / LogIndex.Item.size).map {
                LogIndex.Item(UnsafeRawBufferPointer(rebasing: bytes[($0 * LogIndex.Item.size)...]))
            }
        }
    }

    /// The entry of an item: its header, and its records.
    package func entry(_ item: LogIndex.Item) throws(LogReader.Problem) -> (LogEntry, records: [UInt8]) {
        var bytes = try reader.bytes(at: item.offset, count: LogEntry.headerSize + Int(item.length))
        guard let entry = try reader.entry(bytes, at: 0, item.offset), entry.size == bytes.count else {
            throw .damaged(offset: item.offset)
        }
        bytes.removeFirst(LogEntry.headerSize)
        return (entry, bytes)
    }
}

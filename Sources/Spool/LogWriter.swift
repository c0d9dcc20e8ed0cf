import Glibc

/// Appends to an execution's log and its index. One writer a log; a thread's own.
///
/// What is appended is gathered until `flush`, so that many small slices cost one write.
package final class LogWriter {
    package let header: LogHeader
    /// Offset after the last entry that is written.
    package private(set) var end: UInt64
    /// Another thread may bring it to the disk meanwhile.
    package let file: LogFile
    private let index: File
    private var pending: [UInt8] = []
    private var pendingItems: [UInt8] = []
    private var positions: [UInt32: UInt64]
    /// Of runs whose output is let go of: from where on, which no entry says yet.
    private var letGoFrom: [UInt32: UInt64] = [:]

    /// Makes a new log. One that is there throws EEXIST.
    package convenience init(creating path: String, _ header: LogHeader) throws(SystemError) {
        let file = try File(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND)
        try file.write(header.bytes)
        try self.init(file, header)
    }

    /// Opens a log to go on with it: what was not wholly written is cut off, and the index made good.
    package convenience init(continuing path: String) throws(LogReader.Problem) {
        let header = try LogReader(path: path).header
        do throws(SystemError) {
            try self.init(try File(path, O_RDWR | O_APPEND), header)
        } catch {
            throw .system(error)
        }
    }

    private init(_ log: consuming File, _ header: LogHeader) throws(SystemError) {
        let index = try File(LogIndex.path(ofLog: log.path), O_RDWR | O_CREAT | O_APPEND)
        var recovery = LogRecovery(header)
        try recovery.run(log, index)
        self.header = header
        file = LogFile(log)
        self.index = index
        end = recovery.end
        positions = recovery.positions
    }

    /// Where the copy of a run goes on: after what is appended, flushed or not.
    package func position(of run: UInt32) -> UInt64 { positions[run] ?? 0 }

    /// Appends whole records of a run that begin at its next position.
    package func append(run: UInt32, records: UnsafeRawBufferPointer, timeNanoseconds: UInt64) {
        let from = position(of: run)
        add(
            LogEntry(.slice, run: run, from: from, to: from + UInt64(records.count), timeNanoseconds: timeNanoseconds),
            records)
    }

    /// Says that what stood between the run's next position and `to` is lost.
    package func appendGap(run: UInt32, to: UInt64, timeNanoseconds: UInt64) {
        let from = letGoFrom[run] ?? position(of: run)
        guard to > from else { return }
        if letGoFrom[run] != nil { letGoFrom[run] = to }
        add(
            LogEntry(.gap, run: run, from: from, to: to, timeNanoseconds: timeNanoseconds),
            UnsafeRawBufferPointer(start: nil, count: 0))
    }

    func add(_ entry: LogEntry, _ records: UnsafeRawBufferPointer) {
        pendingItems += LogIndex.Item(entry, at: end + UInt64(pending.count), records: records).bytes
        pending += entry.header
        pending.append(contentsOf: records)
        positions[entry.run] = entry.to
    }

    /// Lets go of a run's output up to `to`. All of it is one entry, which `appendOutstandingGaps` makes at the end.
    package func letGo(run: UInt32, to: UInt64) {
        if letGoFrom[run] == nil { letGoFrom[run] = position(of: run) }
        positions[run] = to
    }

    package func hasLetGo(of run: UInt32) -> Bool { letGoFrom[run] != nil }

    /// Says of each run whose output was let go of how far that reached.
    package func appendOutstandingGaps(timeNanoseconds: UInt64) {
        for run in letGoFrom.keys.sorted() {
            appendGap(run: run, to: position(of: run), timeNanoseconds: timeNanoseconds)
        }
    }

    /// How long the log is with what was appended.
    package var size: UInt64 { end + UInt64(pending.count) }

    /// Writes what was appended; readers see it when this returns. After a throw the writer is of no more use: open it
    /// anew, which cuts off what was written in part.
    package func flush() throws(SystemError) {
        guard !pending.isEmpty else { return }
        try file.write(pending)
        end += UInt64(pending.count)
        pending.removeAll(keepingCapacity: pending.count <= 1 << 20)
        try index.write(pendingItems)
        pendingItems.removeAll(keepingCapacity: pendingItems.count <= 1 << 16)
    }

    /// The header of the last entry that is written; empty where there is none.
    package func lastHeader() throws(SystemError) -> [UInt8] {
        let items = (try index.size() - LogIndex.headerSize) / LogIndex.Item.size
        guard items > 0 else { return [] }
        let place = LogIndex.headerSize + (items - 1) * LogIndex.Item.size
        let item = try index.bytes(at: place, count: LogIndex.Item.size).withUnsafeBytes { LogIndex.Item($0) }
        guard let item else { return [] }
        return try file.bytes(at: Int(item.offset), count: LogEntry.headerSize)
    }
}

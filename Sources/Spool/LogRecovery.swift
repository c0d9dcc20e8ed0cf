import Glibc

/// Finds how far a log is good and makes its index agree.
///
/// The index is believed where each item begins where the one before ends, up to `unsure` bytes before the end of the
/// log; from there every entry is looked at, with the checksums of its records, since a loss of power may have left
/// zeros in them.
struct LogRecovery {
    /// More than is ever written between two fdatasync.
    static let unsure = 16 << 20

    private let header: LogHeader
    private(set) var end = UInt64(LogHeader.size)
    private(set) var positions: [UInt32: UInt64] = [:]
    private var items: UInt64 = 0

    init(_ header: LogHeader) { self.header = header }

    mutating func run(_ log: borrowing File, _ index: borrowing File) throws(SystemError) {
        let size = try log.size()
        try believe(index, log, upTo: UInt64(max(0, size - Self.unsure)))
        if items > 0 {
            try index.truncate(to: LogIndex.headerSize + Int(items) * LogIndex.Item.size)
        } else if try !isNew(index) {
            try index.truncate(to: 0)
            try index.write(LogIndex.header(log: header.log))
        }
        try walk(log, index, size)
        if size > Int(end) { try log.truncate(to: Int(end)) }
    }

    /// Whether it has its header and nothing else: it is left alone, for who reads a new log just now would find no index.
    private func isNew(_ index: borrowing File) throws(SystemError) -> Bool {
        let own = LogIndex.header(log: header.log)
        guard try index.size() == own.count else { return false }
        return try index.bytes(at: 0, count: own.count) == own
    }

    private mutating func believe(_ index: borrowing File, _ log: borrowing File, upTo limit: UInt64)
        throws(SystemError)
    {
        while let found = try LogIndex.items(index, log: header.log, from: items, limit: 1024), !found.isEmpty {
            for item in found {
                guard item.offset == end, item.next <= limit, item.position == positions[item.run] ?? 0 else { return }
                guard let to = try self.end(of: item, log) else { return }
                positions[item.run] = to
                end = item.next
                items += 1
            }
        }
    }

    /// Where the spool's part ends that an item stands for; a gap's length is in the log only.
    private func end(of item: LogIndex.Item, _ log: borrowing File) throws(SystemError) -> UInt64? {
        if item.length > 0 { return item.position + UInt64(item.length) }
        let bytes = try log.bytes(at: Int(item.offset), count: LogEntry.headerSize)
        return bytes.withUnsafeBytes { LogEntry($0) }?.to
    }

    private mutating func walk(_ log: borrowing File, _ index: borrowing File, _ size: Int) throws(SystemError) {
        var made: [UInt8] = []
        var block: [UInt8] = []
        var blockStart = end
        while Int(end) + LogEntry.headerSize <= size {
            let place = Int(end - blockStart)
            let entry =
                block.count < place
                ? nil : block.withUnsafeBytes { LogEntry(UnsafeRawBufferPointer(rebasing: $0[place...])) }
            guard let entry, place + entry.size <= block.count else {
                // Not whole in this block: read on from here, and give up where that brings nothing better.
                let wanted = max(1 << 20, entry?.size ?? 0)
                if place == 0, block.count >= min(wanted, size - Int(end)) { break }
                block = try log.bytes(at: Int(end), count: min(wanted, size - Int(end)))
                blockStart = end
                continue
            }
            let isGood = block.withUnsafeBytes { bytes in
                let records = UnsafeRawBufferPointer(rebasing: bytes[place + LogEntry.headerSize..<place + entry.size])
                guard Self.isIntact(records) else { return false }
                made += LogIndex.Item(entry, at: end, records: records).bytes
                return true
            }
            guard isGood else { break }
            positions[entry.run] = entry.to
            end += UInt64(entry.size)
        }
        try index.write(made)
    }

    private static func isIntact(_ records: UnsafeRawBufferPointer) -> Bool {
        var offset = 0
        while offset < records.count {
            guard case .success(let record) = RecordCursor.record(in: records, at: offset) else { return false }
            offset = record.range.upperBound
        }
        return true
    }
}

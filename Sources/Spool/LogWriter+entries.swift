/// A log that is a copy of another one, entry by entry.
extension LogWriter {
    /// Appends whole entries as they stand in the log that this one copies. False, and nothing is appended, where they are
    /// damaged or do not go on where this log ends.
    package func append(entries bytes: UnsafeRawBufferPointer) -> Bool {
        var entries: [(LogEntry, UnsafeRawBufferPointer)] = []
        var ends: [UInt32: UInt64] = [:]
        var rest = bytes
        while !rest.isEmpty {
            guard let entry = LogEntry(rest), entry.size <= rest.count else { return false }
            guard entry.from == ends[entry.run] ?? position(of: entry.run) else { return false }
            let records = UnsafeRawBufferPointer(rebasing: rest[LogEntry.headerSize..<entry.size])
            guard RecordCursor.areIntact(records) else { return false }
            entries.append((entry, records))
            ends[entry.run] = entry.to
            rest = UnsafeRawBufferPointer(rebasing: rest[entry.size...])
        }
        for (entry, records) in entries { add(entry, records) }
        return true
    }
}

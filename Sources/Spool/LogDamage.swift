/// What a reader is given in place of what the disk has changed in a log.
///
/// A record whose checksum does not fit is never shown. For who reads entries the whole entry is a gap; for who reads lines the
/// lines stay in number, and those of the record say that they are damaged.
enum LogDamage {
    static let notice = Array("[damaged on the gateway's disk]".utf8)

    /// Records with those replaced that do not hold; the newlines are as many as the index counted.
    static func mended(_ records: [UInt8], _ item: LogIndex.Item) -> [UInt8] {
        var mended: [UInt8] = []
        var missing: [Stream: Int] = [.stdout: Int(item.stdoutLines), .stderr: Int(item.stderrLines)]
        var (damaged, isCut): ([Stream], Bool) = ([], false)
        var time: UInt64 = 0
        records.withUnsafeBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                guard case .success(let record) = RecordCursor.record(in: bytes, at: offset, checks: false) else {
                    isCut = true
                    return
                }
                let whole = UnsafeRawBufferPointer(rebasing: bytes[offset..<record.range.upperBound])
                if record.header.isIntact(in: whole) {
                    mended.append(contentsOf: whole)
                    time = record.timeNanoseconds
                    missing[record.stream, default: 0] -= LogIndex.newlines(
                        UnsafeRawBufferPointer(rebasing: bytes[record.range]))
                } else {
                    damaged.append(record.stream)
                }
                offset = record.range.upperBound
            }
        }
        // Where lines are missing on a stream, or nobody can say on which, both say so.
        let streams: [Stream] =
            isCut || damaged.contains(.control)
            ? [.stdout, .stderr]
            : [.stdout, .stderr].filter {
                damaged.contains($0) || missing[$0, default: 0] > 0
            }
        for stream in streams {
            let lines = max(0, missing[stream, default: 0])
            let content = lines == 0 ? notice : Array((0..<lines).map { _ in notice + [0x0A] }.joined())
            var rest = content[...]
            while !rest.isEmpty {
                let piece = rest.prefix(RecordHeader.maximumLength)
                mended += Record.bytes(stream, Array(piece), timeNanoseconds: time)
                rest = rest.dropFirst(piece.count)
            }
        }
        return mended
    }
}

extension LogReader {
    /// Whether all records of the entry at `index` hold.
    func isIntact(_ bytes: [UInt8], at index: Int, _ entry: LogEntry) -> Bool {
        guard entry.kind == .slice else { return true }
        return bytes.withUnsafeBytes {
            RecordCursor.areIntact(
                UnsafeRawBufferPointer(rebasing: $0[index + LogEntry.headerSize..<index + entry.size]))
        }
    }

    /// A gap in place of an entry that does not hold; the next piece begins behind the entry.
    func gap(of entry: LogEntry, at offset: UInt64, size: Int) -> Piece {
        var gap = LogEntry(.gap, run: entry.run, from: entry.from, to: entry.to, timeNanoseconds: entry.timeNanoseconds)
        gap.kind = .gap
        return Piece(offset: offset, next: offset + UInt64(size), bytes: gap.header, isDamaged: true)
    }

    /// What the index knows of an entry whose header does not hold.
    func gapByIndex(at offset: UInt64) throws(Problem) -> Piece {
        let items = try LogItems(self)
        guard let number = try items.number(at: offset), let item = try items.items(from: number, limit: 1).first,
            item.offset == offset
        else { throw .damaged(offset: offset) }
        let entry = LogEntry(
            .gap, run: item.run, from: item.position, to: item.end,
            timeNanoseconds: header.createdNanoseconds)
        return gap(of: entry, at: offset, size: LogEntry.headerSize + Int(item.length))
    }

    /// Where a reader goes on that has come so far: behind an entry of which it was given a gap, its own place else.
    package func resumed(at offset: UInt64) -> UInt64 {
        guard offset > Self.start, let bytes = try? bytes(at: offset, count: LogEntry.headerSize),
            bytes.count == LogEntry.headerSize, bytes.withUnsafeBytes({ LogEntry($0) }) == nil,
            let items = try? LogItems(self), let number = try? items.number(at: offset),
            let item = try? items.items(from: number, limit: 1).first,
            item.offset + UInt64(LogEntry.headerSize) == offset
        else { return offset }
        return item.next
    }
}

import Glibc

/// Reads an execution's log by whole entries (docs/protocol.md §7). Any number may read while one writer appends.
package struct LogReader: Sendable {
    package enum Problem: Error, Equatable {
        case system(SystemError)
        /// Not a log, or of another format.
        case notALog
        /// An entry's header does not hold at this offset.
        case damaged(offset: UInt64)
        /// The offset lies beyond the end.
        case ahead(end: UInt64)
    }

    /// Whole entries as they stand in the file.
    package struct Piece: Equatable, Sendable {
        /// Offset of the first entry.
        package var offset: UInt64
        /// Where to read on.
        package var next: UInt64
        package var bytes: [UInt8]
        /// It is a gap in place of an entry that the disk has changed.
        package var isDamaged = false

        package var isEmpty: Bool { bytes.isEmpty }
    }

    /// Where a reader of one run stands; `position` is all that must be kept to resume.
    package struct Cursor: Sendable {
        package let run: UInt32
        package internal(set) var position: UInt64
        /// Items of the index before this one are of no interest.
        var item: UInt64 = 0

        package init(run: UInt32, position: UInt64) {
            self.run = run
            self.position = position
        }
    }

    /// Length of the file's header: the first offset there is.
    package static let start = UInt64(LogHeader.size)

    package let header: LogHeader
    let open: Open

    /// The descriptor, shared by the copies of a reader and closed with the last.
    final class Open: Sendable {
        let file: File
        init(_ file: consuming File) { self.file = file }
    }

    package init(path: String) throws(Problem) {
        let file = try Self.calling { () throws(SystemError) in try File(path) }
        let head: [UInt8]
        do throws(SystemError) {
            head = try file.bytes(at: 0, count: LogHeader.size)
        } catch {
            throw .system(error)
        }
        guard let header = head.withUnsafeBytes({ LogHeader($0) }) else { throw .notALog }
        self.header = header
        open = Open(file)
    }

    package var log: UInt64 { header.log }

    /// False once the file was put away or another one took its place: it will not grow any more.
    package var isLinked: Bool { (try? open.file.status().st_nlink) ?? 0 > 0 }

    /// Whether the entry that ends at `offset` has this header.
    package func ends(at offset: UInt64, with header: [UInt8]) -> Bool {
        guard let entry = header.withUnsafeBytes({ LogEntry($0) }), header.count == LogEntry.headerSize,
            UInt64(entry.size) <= offset
        else { return false }
        return (try? bytes(at: offset - UInt64(entry.size), count: LogEntry.headerSize)) == header
    }

    /// The bytes in front of the first entry.
    package var headerBytes: [UInt8] { header.bytes }

    /// The size of the file. The last entry may still be on its way into it; `read` returns whole ones only.
    package func end() throws(Problem) -> UInt64 {
        UInt64(try Self.calling { () throws(SystemError) in try open.file.size() })
    }

    /// Whole entries from `offset`, at most `limit` bytes of them but always one where there is one; empty at the end.
    ///
    /// Every checksum is looked at: an entry that does not hold comes as a piece of its own, a gap.
    package func read(from offset: UInt64, upTo limit: Int) throws(Problem) -> Piece {
        let offset = max(offset, Self.start)
        var bytes = try bytes(at: offset, count: max(limit, LogEntry.headerSize))
        if bytes.isEmpty {
            let end = try end()
            guard offset <= end else { throw .ahead(end: end) }
            return Piece(offset: offset, next: offset, bytes: [])
        }
        guard bytes.count >= LogEntry.headerSize else { return Piece(offset: offset, next: offset, bytes: []) }
        guard let first = bytes.withUnsafeBytes({ LogEntry($0) }) else { return try gapByIndex(at: offset) }
        if first.size > bytes.count { bytes = try self.bytes(at: offset, count: first.size) }
        guard first.size <= bytes.count else { return Piece(offset: offset, next: offset, bytes: []) }
        let whole = intactLength(bytes)
        guard whole > 0 else { return gap(of: first, at: offset, size: first.size) }
        bytes.removeLast(bytes.count - whole)
        return Piece(offset: offset, next: offset + UInt64(whole), bytes: bytes)
    }

    /// Whole entries of one run, the first being the one that holds the cursor's position; moves the cursor past them.
    ///
    /// `Piece.next` is the offset after the last of them. Empty where the log holds nothing of the run from there.
    package func read(_ cursor: inout Cursor, upTo limit: Int) throws(Problem) -> Piece {
        let index = try LogItems(self)
        var piece = Piece(offset: Self.start, next: Self.start, bytes: [])
        while true {
            let items = try index.items(from: Int(cursor.item), limit: 1024)
            for item in items {
                if item.run == cursor.run, try !take(item, &cursor, &piece, limit) { return piece }
                cursor.item += 1
            }
            if items.count < 1024 { return piece }
        }
    }

    /// Adds one entry to the piece where it belongs there; false where the piece is full before it.
    private func take(_ item: LogIndex.Item, _ cursor: inout Cursor, _ piece: inout Piece, _ limit: Int) throws(Problem)
        -> Bool
    {
        if item.length > 0, item.position + UInt64(item.length) <= cursor.position { return true }
        let size = LogEntry.headerSize + Int(item.length)
        if !piece.isEmpty, piece.bytes.count + size > limit { return false }
        var bytes = try bytes(at: item.offset, count: size)
        guard bytes.count == size else { return false }
        var found = bytes.withUnsafeBytes { LogEntry($0) }
        if found?.size != size || found?.run != item.run || found.map({ isIntact(bytes, at: 0, $0) }) != true {
            guard piece.isEmpty else { return false }
            let gap = try gapByIndex(at: item.offset)
            (bytes, found, piece.isDamaged) = (gap.bytes, gap.bytes.withUnsafeBytes { LogEntry($0) }, true)
        }
        guard let entry = found, entry.to > cursor.position else { return true }
        if piece.isEmpty { piece.offset = item.offset }
        piece.bytes += bytes
        piece.next = item.next
        cursor.position = entry.to
        return !piece.isDamaged
    }

    /// The entry whose header stands at `index` of bytes that begin at `offset`; nil where the header is not whole.
    func entry(_ bytes: [UInt8], at index: Int, _ offset: UInt64) throws(Problem) -> LogEntry? {
        guard bytes.count - index >= LogEntry.headerSize else { return nil }
        guard let entry = bytes.withUnsafeBytes({ LogEntry(UnsafeRawBufferPointer(rebasing: $0[index...])) }) else {
            throw .damaged(offset: offset + UInt64(index))
        }
        return entry
    }

    /// How many of the first bytes are whole entries that hold.
    private func intactLength(_ bytes: [UInt8]) -> Int {
        var whole = 0
        while bytes.count - whole >= LogEntry.headerSize,
            let entry = bytes.withUnsafeBytes({ LogEntry(UnsafeRawBufferPointer(rebasing: $0[whole...])) }),
            whole + entry.size <= bytes.count, isIntact(bytes, at: whole, entry)
        {
            whole += entry.size
        }
        return whole
    }

    func bytes(at offset: UInt64, count: Int) throws(Problem) -> [UInt8] {
        try Self.calling { () throws(SystemError) in try open.file.bytes(at: Int(offset), count: count) }
    }

    static func calling<Result: ~Copyable>(_ body: () throws(SystemError) -> Result) throws(Problem) -> Result {
        do throws(SystemError) { return try body() } catch { throw .system(error) }
    }
}

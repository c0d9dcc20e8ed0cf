import Glibc

/// Writes a run's spool: appends records to segments, and lets go of what is copied or what is too much.
///
/// Only ever appended to; a position is a byte offset over all segments. Returns from writes once the bytes are in the
/// page cache: a spool outlives its writer, not the machine.
package struct SpoolWriter: ~Copyable {
    /// What happens when more than the limit is not yet copied.
    package enum Overflow: Hashable, Sendable {
        /// The oldest segment is let go; its readers get a gap.
        case letGo
        /// `isFull` becomes true, and the caller stops appending output until `release` makes room.
        case wait
    }

    package let folder: String
    /// Behind the last record.
    package private(set) var length: UInt64
    /// The first position still held.
    package var released: UInt64 { segments.first ?? length }
    /// Up to where the copy has it.
    package private(set) var copied: UInt64

    private let limit: UInt64
    private let overflow: Overflow
    /// First positions of the segments held, in order; the last one is open.
    private var segments: [UInt64]
    private var file: File
    private var fileSize: Int
    private let buffer: UnsafeMutableRawBufferPointer
    /// Of the record that lies in the buffer because it could not be written.
    private var unwritten: RecordHeader?

    /// Makes the folder and begins a new spool in it; throws EEXIST where there is one already.
    package init(
        creating folder: String, limit: UInt64 = 64 << 20, overflow: Overflow = .letGo
    ) throws(SystemError) {
        try File.check("mkdir", folder) { mkdir(folder, 0o700) }
        let file = try File(Self.path(folder, 0), O_WRONLY | O_CREAT | O_EXCL | O_APPEND)
        self.init(folder, file, size: 0, segments: [0], limit: limit, overflow: overflow)
    }

    /// Goes on with a spool whose writer died: cuts it at the first record of its last segments that is not whole.
    package init(
        recovering folder: String, limit: UInt64 = 64 << 20, overflow: Overflow = .letGo
    ) throws(SystemError) {
        let segments = try SpoolRecovery.cut(folder)
        let last = segments.last ?? 0
        let file = try File(Self.path(folder, last), O_WRONLY | O_CREAT | O_APPEND)
        let size = try file.size()
        self.init(
            folder, file, size: size, segments: segments.isEmpty ? [0] : segments, limit: limit, overflow: overflow)
    }

    private init(
        _ folder: String, _ file: consuming File, size: Int, segments: [UInt64], limit: UInt64, overflow: Overflow
    ) {
        self.folder = folder
        self.file = file
        self.segments = segments
        self.limit = limit
        self.overflow = overflow
        fileSize = size
        length = (segments.last ?? 0) + UInt64(size)
        copied = segments.first ?? 0
        buffer = .allocate(byteCount: RecordHeader.size + RecordHeader.maximumLength, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// Whether output has to wait for the copy; never true under `.letGo`.
    package var isFull: Bool { overflow == .wait && length - copied >= limit }

    /// Appends one record with the bytes that `read` puts into the buffer; returns their count.
    ///
    /// `read` gets room for the longest record and says how many bytes it filled; 0 appends nothing. Where the disk is
    /// full, `.writing` is thrown and what was read is kept: the next append of any kind begins with it.
    @discardableResult
    package mutating func append<Failure: Error>(
        _ stream: Stream, timeNanoseconds: UInt64,
        reading read: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(AppendError<Failure>) -> Int {
        do throws(SystemError) { try writeAgain() } catch { throw .writing(error) }
        let count: Int
        do throws(Failure) {
            count = try read(UnsafeMutableRawBufferPointer(rebasing: buffer[RecordHeader.size...]))
        } catch {
            throw .reading(error)
        }
        guard count > 0 else { return 0 }
        do throws(SystemError) {
            try write(RecordHeader(stream, length: count, timeNanoseconds: timeNanoseconds))
        } catch {
            throw .writing(error)
        }
        return count
    }

    /// Which side of an append failed.
    package enum AppendError<Failure: Error>: Error {
        case reading(Failure)
        case writing(SystemError)
    }

    /// Appends bytes as one record, or as several where they are more than one holds.
    package mutating func append(_ stream: Stream, _ bytes: [UInt8], timeNanoseconds: UInt64) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(RecordHeader.maximumLength)
            try write(piece, RecordHeader(stream, length: piece.count, timeNanoseconds: timeNanoseconds))
            rest = rest.dropFirst(piece.count)
        }
    }

    package mutating func append(_ control: ControlRecord, timeNanoseconds: UInt64) throws(SystemError) {
        let content = control.content
        try write(
            content[...],
            RecordHeader(.control, flags: control.flags, length: content.count, timeNanoseconds: timeNanoseconds))
    }

    /// The copy has everything before `position`: unlinks the segments that lie before it.
    ///
    /// The open segment stays, even when it is copied whole.
    package mutating func release(upTo position: UInt64) throws(SystemError) {
        copied = max(copied, min(position, length))
        while segments.count > 1, segments[1] <= copied { try letGoOfOldest() }
    }

    private mutating func write(_ content: ArraySlice<UInt8>, _ header: RecordHeader) throws(SystemError) {
        try writeAgain()
        content.withUnsafeBytes { bytes in
            UnsafeMutableRawBufferPointer(rebasing: buffer[RecordHeader.size...]).copyMemory(from: bytes)
        }
        try write(header)
    }

    private mutating func writeAgain() throws(SystemError) {
        if let unwritten { try write(unwritten) }
    }

    /// Writes the record whose bytes lie in the buffer. On a full disk the oldest segments go first, where they may.
    private mutating func write(_ header: RecordHeader) throws(SystemError) {
        unwritten = header
        header.seal(buffer)
        let size = RecordHeader.size + header.length
        while true {
            do throws(SystemError) {
                try writeOnce(size)
                break
            } catch {
                guard error.isNoSpace, overflow == .letGo, segments.count > 1 else { throw error }
                try letGoOfOldest()
            }
        }
        unwritten = nil
        fileSize += size
        length += UInt64(size)
        while overflow == .letGo, segments.count > 1, length - max(released, copied) > limit { try letGoOfOldest() }
    }

    private mutating func writeOnce(_ size: Int) throws(SystemError) {
        if fileSize > 0, fileSize + size > Segment.size { try beginSegment() }
        do throws(SystemError) {
            try file.write(UnsafeRawBufferPointer(rebasing: buffer[..<size]))
        } catch {
            // Half a record may be there: take it back, so that the next one does not follow it.
            try file.truncate(to: fileSize)
            throw error
        }
    }

    private mutating func beginSegment() throws(SystemError) {
        file = try File(Self.path(folder, length), O_WRONLY | O_CREAT | O_EXCL | O_APPEND)
        segments.append(length)
        fileSize = 0
        try release(upTo: copied)
    }

    private mutating func letGoOfOldest() throws(SystemError) {
        let oldest = Self.path(folder, segments.removeFirst())
        try File.check("unlink", oldest) { unlink(oldest) }
        copied = max(copied, released)
    }

    private static func path(_ folder: String, _ first: UInt64) -> String { "\(folder)/\(Segment.name(of: first))" }
}

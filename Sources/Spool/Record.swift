/// Where the bytes of a record come from.
package enum Stream: UInt8, Sendable, CaseIterable {
    case control = 0
    case stdout = 1
    case stderr = 2
    case terminal = 3
}

/// The fixed 20 bytes in front of a record's bytes (docs/protocol.md §5).
package struct RecordHeader: Hashable, Sendable {
    package static let size = 20
    /// The most bytes one record holds; a longer write is several records.
    package static let maximumLength = 65_536
    /// How many of the header's bytes the checksum covers: all but itself.
    static let covered = 16

    package var stream: Stream
    /// The kind of a control record, else 0.
    package var flags: UInt8
    /// Of the bytes that follow the header.
    package var length: Int
    package var timeNanoseconds: UInt64
    package var checksum: UInt32

    package init(_ stream: Stream, flags: UInt8 = 0, length: Int, timeNanoseconds: UInt64, checksum: UInt32 = 0) {
        self.stream = stream
        self.flags = flags
        self.length = length
        self.timeNanoseconds = timeNanoseconds
        self.checksum = checksum
    }

    /// Reads the header at the beginning of `bytes`; nil where it is shorter than a header or no header of this version.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.size, let stream = Stream(rawValue: bytes[0]) else { return nil }
        guard bytes[2] == 0, bytes[3] == 0 else { return nil }
        let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
        guard length <= Self.maximumLength else { return nil }
        self.init(
            stream, flags: bytes[1], length: length,
            timeNanoseconds: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
            checksum: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)))
    }

    /// Writes the header and its checksum in front of the `length` bytes that already lie at `target[20...]`.
    package func seal(_ target: UnsafeMutableRawBufferPointer) {
        target[0] = stream.rawValue
        target[1] = flags
        target[2] = 0
        target[3] = 0
        target.storeBytes(of: UInt32(length).littleEndian, toByteOffset: 4, as: UInt32.self)
        target.storeBytes(of: timeNanoseconds.littleEndian, toByteOffset: 8, as: UInt64.self)
        let checksum = Self.checksum(of: UnsafeRawBufferPointer(target), length: length)
        target.storeBytes(of: checksum.littleEndian, toByteOffset: 16, as: UInt32.self)
    }

    /// Whether the checksum fits the whole record at the beginning of `record`.
    package func isIntact(in record: UnsafeRawBufferPointer) -> Bool {
        record.count >= Self.size + length && Self.checksum(of: record, length: length) == checksum
    }

    private static func checksum(of record: UnsafeRawBufferPointer, length: Int) -> UInt32 {
        var crc = CRC32C()
        crc.update(UnsafeRawBufferPointer(rebasing: record[0..<covered]))
        crc.update(UnsafeRawBufferPointer(rebasing: record[size..<size + length]))
        return crc.value
    }
}

/// A record in a buffer: its header and where its bytes lie. The bytes are not copied.
package struct Record: Hashable, Sendable {
    package let header: RecordHeader
    /// Of the record's bytes, in the buffer that the cursor walks.
    package let range: Range<Int>

    package var stream: Stream { header.stream }
    package var timeNanoseconds: UInt64 { header.timeNanoseconds }

    /// A whole record of its own, for those who write one.
    package static func bytes(
        _ stream: Stream, _ content: [UInt8], flags: UInt8 = 0, timeNanoseconds: UInt64
    ) -> [UInt8] {
        precondition(content.count <= RecordHeader.maximumLength)
        var record = [UInt8](repeating: 0, count: RecordHeader.size) + content
        record.withUnsafeMutableBytes {
            RecordHeader(stream, flags: flags, length: content.count, timeNanoseconds: timeNanoseconds).seal($0)
        }
        return record
    }
}

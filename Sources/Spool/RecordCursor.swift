/// Walks the whole records in a buffer, checking each one's checksum.
///
/// ```
/// var cursor = RecordCursor(slice)
/// while let record = cursor.next() { take(slice[record.range], of: record.stream) }
/// guard cursor.stop == .end else { … }
/// ```
package struct RecordCursor: IteratorProtocol, Sequence, Sendable {
    /// Why there is no next record.
    package enum Stop: Hashable, Sendable {
        /// The buffer ends with a whole record.
        case end
        /// The buffer ends within a record: the rest may still come.
        case cut
        /// No header of this version, or a checksum that does not fit.
        case damaged
    }

    package let bytes: [UInt8]
    /// Behind the last whole record, as an index into the buffer.
    package private(set) var offset: Int
    /// Set once `next()` has returned nil.
    package private(set) var stop: Stop?
    private let checks: Bool

    /// `checks: false` leaves out the checksums, for a buffer that was checked before.
    package init(_ bytes: [UInt8], from offset: Int = 0, checks: Bool = true) {
        self.bytes = bytes
        self.offset = offset
        self.checks = checks
    }

    package mutating func next() -> Record? {
        guard stop == nil else { return nil }
        let found = bytes.withUnsafeBytes { Self.record(in: $0, at: offset, checks: checks) }
        switch found {
        case .success(let record):
            offset = record.range.upperBound
            return record
        case .failure(let reason):
            stop = reason
            return nil
        }
    }

    /// The record at `offset` of a buffer that is not an array.
    package static func record(
        in bytes: UnsafeRawBufferPointer, at offset: Int, checks: Bool = true
    ) -> Result<Record, Stop> {
        guard offset < bytes.count else { return .failure(.end) }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
        guard rest.count >= RecordHeader.size else { return .failure(.cut) }
        guard let header = RecordHeader(rest) else { return .failure(.damaged) }
        guard rest.count >= RecordHeader.size + header.length else { return .failure(.cut) }
        guard !checks || header.isIntact(in: rest) else { return .failure(.damaged) }
        let start = offset + RecordHeader.size
        return .success(Record(header: header, range: start..<start + header.length))
    }

    /// Whether the buffer is nothing but whole records whose checksums fit.
    package static func areIntact(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var offset = 0
        while case .success(let record) = record(in: bytes, at: offset) { offset = record.range.upperBound }
        return offset == bytes.count
    }
}

extension RecordCursor.Stop: Error {}

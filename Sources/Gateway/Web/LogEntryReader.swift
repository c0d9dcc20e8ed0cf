import Messages
import Spool

/// Takes whole log entries apart into what the runs wrote, record by record.
struct LogEntryReader {
    enum Item {
        case record(run: UInt32, Record, position: UInt64)
        case gap(run: UInt32, from: UInt64, to: UInt64)
    }

    static let headerSize = 40

    /// Calls `take` for every record and gap of the piece, in order; record ranges are into the piece's bytes.
    static func walk(_ piece: LogReader.Piece, _ take: (Item) throws -> Void) throws {
        try piece.bytes.withUnsafeBytes { bytes in
            var offset = 0
            while offset + headerSize <= bytes.count {
                func u32(_ at: Int) -> UInt32 {
                    .init(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + at, as: UInt32.self))
                }
                func u64(_ at: Int) -> UInt64 {
                    .init(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + at, as: UInt64.self))
                }
                let (kind, run, from, to, length) = (bytes[offset], u32(4), u64(8), u64(16), Int(u32(24)))
                let start = offset + headerSize
                offset = start + length
                guard offset <= bytes.count else { return }
                if kind == 2 {
                    try take(.gap(run: run, from: from, to: to))
                    continue
                }
                let records = UnsafeRawBufferPointer(rebasing: bytes[..<offset])
                var at = start
                while case .success(let record) = RecordCursor.record(in: records, at: at, checks: false) {
                    try take(.record(run: run, record, position: from + UInt64(at - start)))
                    at = record.range.upperBound
                }
            }
        }
    }
}

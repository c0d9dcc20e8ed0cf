import Glibc

/// Reads a spool that someone else writes, in whole records, as the very bytes on the disk.
///
/// Checksums are not looked at: that is the business of whoever keeps the copy. One reader belongs to one thread.
package final class SpoolReader {
    package enum Problem: Error, Equatable {
        /// The position lies before what is still held; go on from this one.
        case released(UInt64)
        /// What lies at `position` is no record.
        case damaged(position: UInt64)
        case system(SystemError)
    }

    package let folder: String
    private var segment: OpenSegment?

    /// `folder` is the `spool` of a run; it need not exist yet.
    package init(_ folder: String) {
        self.folder = folder
    }

    /// The first position that is still held; 0 for a spool without segments.
    package func released() throws(Problem) -> UInt64 { try segments().first ?? 0 }

    /// The end of the spool as the files say: behind the last whole record.
    package func length() throws(Problem) -> UInt64 {
        guard var position = try segments().last else { return 0 }
        while true {
            let count: Int
            do throws(Problem) {
                count = try read(from: position, upTo: 1 << 20).count
            } catch {
                guard case .damaged = error else { throw error }
                return position
            }
            if count == 0 { return position }
            position += UInt64(count)
        }
    }

    /// Whole records from `position`, which is where a record begins: at least one where one is there, and else as
    /// many as fit in `limit` bytes. Empty at the end. Never spans two segments.
    package func read(from position: UInt64, upTo limit: Int = 65_536) throws(Problem) -> [UInt8] {
        if let segment, segment.first <= position {
            let records = try segment.records(at: position, limit: limit)
            if !records.isEmpty { return records }
        }
        // The next segment begins where the last one ended.
        if segment == nil || segment?.first != position, let next = try open(position) {
            return try next.records(at: position, limit: limit)
        }
        // Nothing there: not yet, or not any more. A segment that is read to its end may be let go of with all behind it.
        let held = try segments()
        if let segment, held.last(where: { $0 <= position }) == segment.first { return [] }
        guard let first = held.last(where: { $0 <= position }) else {
            if let first = held.first { throw .released(first) }
            return []
        }
        guard let found = try open(first) else { return [] }
        return try found.records(at: position, limit: limit)
    }

    /// Nil where there is no such segment (any more).
    private func open(_ first: UInt64) throws(Problem) -> OpenSegment? {
        do throws(SystemError) {
            let found = OpenSegment(first, try File("\(folder)/\(Segment.name(of: first))"))
            segment = found
            return found
        } catch {
            if error.errno == ENOENT { return nil }
            throw .system(error)
        }
    }

    func segments() throws(Problem) -> [UInt64] {
        do throws(SystemError) {
            return try Segment.list(folder)
        } catch {
            if error.errno == ENOENT { return [] }
            throw .system(error)
        }
    }
}

/// The segment that a reader is in.
private final class OpenSegment {
    let first: UInt64
    private let file: File

    init(_ first: UInt64, _ file: consuming File) {
        self.first = first
        self.file = file
    }

    func records(at position: UInt64, limit: Int) throws(SpoolReader.Problem) -> [UInt8] {
        let room = max(limit, RecordHeader.size + RecordHeader.maximumLength)
        var bytes: [UInt8]
        do throws(SystemError) {
            let size = try file.size()
            let start = Int(position - first)
            guard start < size else { return [] }
            bytes = try file.bytes(at: start, count: min(room, size - start))
        } catch {
            throw .system(error)
        }
        var whole = 0
        scan: while true {
            switch bytes.withUnsafeBytes({ RecordCursor.record(in: $0, at: whole, checks: false) }) {
            case .success(let record):
                if whole > 0, record.range.upperBound > limit { break scan }
                whole = record.range.upperBound
            case .failure(.damaged):
                if whole == 0 { throw .damaged(position: position) }
                break scan
            case .failure: break scan
            }
        }
        bytes.removeLast(bytes.count - whole)
        return bytes
    }
}

import Glibc

/// Makes a spool whole again after its writer, or the machine, died in the middle of a record.
package enum SpoolRecovery {
    /// Cuts the spool at the first record that is not whole and right, and unlinks what lies behind the cut.
    ///
    /// Returns the first positions of the segments that are left.
    @discardableResult
    package static func cut(_ folder: String) throws(SystemError) -> [UInt64] {
        let segments = try Segment.list(folder)
        for (index, first) in segments.enumerated() {
            let path = "\(folder)/\(Segment.name(of: first))"
            let file = try File(path, O_RDWR)
            let size = try file.size()
            let sound = try soundLength(file, size)
            let next = index + 1 < segments.count ? segments[index + 1] : nil
            if sound == size, next == nil || next == first + UInt64(size) { continue }
            if sound < size { try file.truncate(to: sound) }
            for late in segments[(index + 1)...] {
                try File.check("unlink", folder) { unlink("\(folder)/\(Segment.name(of: late))") }
            }
            return Array(segments[...index])
        }
        return segments
    }

    /// How many of the first bytes are records with fitting checksums.
    private static func soundLength(_ file: borrowing File, _ size: Int) throws(SystemError) -> Int {
        var position = 0
        let window = 1 << 20
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: window, alignment: 16)
        defer { buffer.deallocate() }
        while position < size {
            let got = try file.read(into: buffer, at: position)
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<got])
            var offset = 0
            scan: while true {
                switch RecordCursor.record(in: bytes, at: offset) {
                case .success(let record): offset = record.range.upperBound
                case .failure(.damaged): return position + offset
                case .failure: break scan
                }
            }
            if offset == 0 { return position }
            position += offset
        }
        return position
    }
}

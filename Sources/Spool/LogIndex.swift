import Glibc

/// The index of a log: where each entry lies, whose it is, and how many lines it has. It can be made again from the log.
package struct LogIndex: Sendable {
    package static let headerSize = 16
    /// The first format had no checksums; an index of it is made anew.
    static let magic = Array("ESTIIDX2".utf8)

    /// One entry of the log, in 36 bytes.
    package struct Item: Hashable, Sendable {
        package static let size = 36
        private static let covered = 32

        /// Of the entry, in the log.
        package var offset: UInt64
        /// In the spool.
        package var position: UInt64
        package var run: UInt32
        /// Of the records; 0 for a gap.
        package var length: UInt32
        /// Of a gap, these two are the halves of its length, the lower one first.
        package var stdoutLines: UInt32
        package var stderrLines: UInt32

        package init(
            offset: UInt64, position: UInt64, run: UInt32, length: UInt32, stdoutLines: UInt32 = 0,
            stderrLines: UInt32 = 0
        ) {
            self.offset = offset
            self.position = position
            self.run = run
            self.length = length
            self.stdoutLines = stdoutLines
            self.stderrLines = stderrLines
        }

        /// The item of an entry, with its lines counted.
        init(_ entry: LogEntry, at offset: UInt64, records: UnsafeRawBufferPointer) {
            self.init(offset: offset, position: entry.from, run: entry.run, length: UInt32(entry.length))
            guard entry.kind == .slice else {
                let length = entry.to - entry.from
                (stdoutLines, stderrLines) = (UInt32(truncatingIfNeeded: length), UInt32(length >> 32))
                return
            }
            (stdoutLines, stderrLines) = LogIndex.lines(in: records)
        }

        /// Where the spool's part ends that it stands for.
        package var end: UInt64 {
            position &+ (length > 0 ? UInt64(length) : UInt64(stderrLines) << 32 | UInt64(stdoutLines))
        }

        /// Nil for what does not hold.
        init?(_ bytes: UnsafeRawBufferPointer) {
            guard bytes.count >= Self.size, bytes.read(UInt32.self, at: Self.covered) == Self.checksum(bytes) else {
                return nil
            }
            offset = bytes.read(UInt64.self, at: 0)
            position = bytes.read(UInt64.self, at: 8)
            run = bytes.read(UInt32.self, at: 16)
            length = bytes.read(UInt32.self, at: 20)
            stdoutLines = bytes.read(UInt32.self, at: 24)
            stderrLines = bytes.read(UInt32.self, at: 28)
        }

        package var bytes: [UInt8] {
            var bytes = [UInt8](repeating: 0, count: Self.size)
            bytes.withUnsafeMutableBytes {
                $0.write(offset, at: 0)
                $0.write(position, at: 8)
                $0.write(run, at: 16)
                $0.write(length, at: 20)
                $0.write(stdoutLines, at: 24)
                $0.write(stderrLines, at: 28)
                $0.write(Self.checksum(UnsafeRawBufferPointer($0)), at: Self.covered)
            }
            return bytes
        }

        private static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
            var crc = CRC32C()
            crc.update(UnsafeRawBufferPointer(rebasing: bytes[..<covered]))
            return crc.value
        }

        /// Offset of the entry behind this one.
        package var next: UInt64 { offset + UInt64(LogEntry.headerSize) + UInt64(length) }
    }

    /// The index beside a log: the same name, ending in `.index`.
    package static func path(ofLog path: String) -> String {
        path.hasSuffix(".log") ? path.dropLast(4) + ".index" : path + ".index"
    }

    static func header(log: UInt64) -> [UInt8] { magic + littleEndian(log) }

    /// Newlines on stdout and on stderr in whole records.
    static func lines(in records: UnsafeRawBufferPointer) -> (stdout: UInt32, stderr: UInt32) {
        var lines: (UInt32, UInt32) = (0, 0)
        var offset = 0
        while case .success(let record) = RecordCursor.record(in: records, at: offset, checks: false) {
            offset = record.range.upperBound
            switch record.stream {
            case .stdout: lines.0 += newlines(UnsafeRawBufferPointer(rebasing: records[record.range]))
            case .stderr: lines.1 += newlines(UnsafeRawBufferPointer(rebasing: records[record.range]))
            case .control, .terminal: break
            }
        }
        return lines
    }

    private static func newlines(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var total: UInt32 = 0
        var rest = bytes
        while !rest.isEmpty {
            // As many as one byte can count, so that as many are counted at once as a register has bytes.
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(255))
            var count: UInt8 = 0
            for byte in part { count &+= byte == 0x0A ? 1 : 0 }
            total &+= UInt32(count)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count))
        }
        return total
    }

    static func newlines(_ bytes: UnsafeRawBufferPointer) -> Int { Int(newlines(bytes) as UInt32) }

    /// Reads items from number `first` on, at most `limit`, with nil for each that does not hold; nil for all where the file is
    /// not the index of this log.
    static func items(
        _ file: borrowing File, log: UInt64, from first: UInt64, limit: Int
    ) throws(SystemError) -> [Item?]? {
        if first == 0 {
            guard try file.bytes(at: 0, count: headerSize) == header(log: log) else { return nil }
        }
        let bytes = try file.bytes(at: headerSize + Int(first) * Item.size, count: limit * Item.size)
        return bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / Item.size).map { Item(UnsafeRawBufferPointer(rebasing: bytes[($0 * Item.size)...])) }
        }
    }
}

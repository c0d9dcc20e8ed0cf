/// The fixed 40 bytes in front of what an entry of the log holds (docs/protocol.md §7).
package struct LogEntry: Hashable, Sendable {
    package static let headerSize = 40

    package enum Kind: UInt8, Sendable {
        /// Records, as they came from the spool.
        case slice = 1
        /// Nothing: what stood at [from, to) of the spool is lost.
        case gap = 2
    }

    package var kind: Kind
    /// Index of the node in the execution's list.
    package var run: UInt32
    package var from: UInt64
    package var to: UInt64
    /// When it came to the log.
    package var timeNanoseconds: UInt64

    package init(_ kind: Kind, run: UInt32, from: UInt64, to: UInt64, timeNanoseconds: UInt64) {
        self.kind = kind
        self.run = run
        self.from = from
        self.to = to
        self.timeNanoseconds = timeNanoseconds
    }

    /// Bytes of records behind the header.
    package var length: Int { kind == .slice ? Int(clamping: to &- from) : 0 }

    /// Of the header and its records.
    package var size: Int { Self.headerSize + length }

    /// Reads the header at the beginning of `bytes`; nil where they are fewer than a header or do not hold.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.headerSize, let kind = Kind(rawValue: bytes[0]) else { return nil }
        guard bytes.read(UInt32.self, at: 28) == Self.checksum(bytes) else { return nil }
        guard bytes[1] == 0, bytes[2] == 0, bytes[3] == 0 else { return nil }
        self.init(
            kind, run: bytes.read(UInt32.self, at: 4), from: bytes.read(UInt64.self, at: 8),
            to: bytes.read(UInt64.self, at: 16), timeNanoseconds: bytes.read(UInt64.self, at: 32))
        let length = bytes.read(UInt32.self, at: 24)
        guard to >= from, kind == .gap ? length == 0 : UInt64(length) == to - from else { return nil }
    }

    package var header: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.headerSize)
        bytes.withUnsafeMutableBytes {
            $0[0] = kind.rawValue
            $0.write(run, at: 4)
            $0.write(from, at: 8)
            $0.write(to, at: 16)
            $0.write(UInt32(length), at: 24)
            $0.write(timeNanoseconds, at: 32)
            $0.write(Self.checksum(UnsafeRawBufferPointer($0)), at: 28)
        }
        return bytes
    }

    private static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var crc = CRC32C()
        crc.update(UnsafeRawBufferPointer(rebasing: bytes[0..<28]))
        crc.update(UnsafeRawBufferPointer(rebasing: bytes[32..<40]))
        return crc.value
    }
}

/// The first 64 bytes of a log.
package struct LogHeader: Hashable, Sendable {
    package static let size = 64
    static let magic = Array("ESTILOG1".utf8)
    static let format: UInt32 = 1

    /// Drawn when the log is made: a reader's offset is good for this log only.
    package var log: UInt64
    /// The 16 bytes of the execution's id.
    package var execution: [UInt8]
    package var createdNanoseconds: UInt64

    package init(log: UInt64, execution: [UInt8], createdNanoseconds: UInt64) {
        precondition(execution.count == 16)
        self.log = log
        self.execution = execution
        self.createdNanoseconds = createdNanoseconds
    }

    /// Nil for what is no log, or one of another format.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.size, bytes[..<8].elementsEqual(Self.magic) else { return nil }
        guard bytes.read(UInt32.self, at: 8) == Self.format else { return nil }
        log = bytes.read(UInt64.self, at: 16)
        execution = Array(bytes[24..<40])
        createdNanoseconds = bytes.read(UInt64.self, at: 40)
    }

    package var bytes: [UInt8] {
        var bytes = Self.magic + [UInt8](repeating: 0, count: Self.size - Self.magic.count)
        bytes.withUnsafeMutableBytes {
            $0.write(Self.format, at: 8)
            $0.write(log, at: 16)
            for (place, byte) in execution.enumerated() { $0[24 + place] = byte }
            $0.write(createdNanoseconds, at: 40)
        }
        return bytes
    }
}

extension UnsafeRawBufferPointer {
    func read<T: FixedWidthInteger>(_: T.Type, at offset: Int) -> T {
        T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
    }
}

extension UnsafeMutableRawBufferPointer {
    func write<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }
}

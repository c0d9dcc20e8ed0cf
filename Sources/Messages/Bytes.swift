/// Writes little-endian fields one after another.
package struct ByteWriter {
    package private(set) var bytes: [UInt8] = []

    package init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    package mutating func u8(_ value: UInt8) { bytes.append(value) }
    package mutating func u16(_ value: UInt16) { integer(value) }
    package mutating func u32(_ value: UInt32) { integer(value) }
    package mutating func u64(_ value: UInt64) { integer(value) }
    package mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// A length in one byte, then the text; the caller has made sure that it is at most 255 bytes.
    package mutating func short(_ text: String) {
        u8(UInt8(clamping: text.utf8.count))
        bytes.append(contentsOf: text.utf8.prefix(255))
    }

    private mutating func integer<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}

/// Reads little-endian fields one after another; what lies beyond the end reads as zero and `isShort` says so.
package struct ByteReader {
    private let bytes: [UInt8]
    private var index = 0
    package private(set) var isShort = false

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package var remaining: Int { bytes.count - index }
    package mutating func u8() -> UInt8 { integer() }
    package mutating func u16() -> UInt16 { integer() }
    package mutating func u32() -> UInt32 { integer() }
    package mutating func u64() -> UInt64 { integer() }

    package mutating func take(_ count: Int) -> [UInt8] {
        guard count <= remaining else {
            isShort = true
            index = bytes.count
            return []
        }
        defer { index += count }
        return Array(bytes[index..<index + count])
    }

    /// Text behind a length of one byte; nil where it is cut off or not UTF-8.
    package mutating func short() -> String? {
        let bytes = take(Int(u8()))
        return isShort ? nil : String(validating: bytes, as: UTF8.self)
    }

    private mutating func integer<T: FixedWidthInteger & BitwiseCopyable>() -> T {
        guard remaining >= MemoryLayout<T>.size else {
            isShort = true
            index = bytes.count
            return 0
        }
        defer { index += MemoryLayout<T>.size }
        return T(littleEndian: bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: index, as: T.self) })
    }
}

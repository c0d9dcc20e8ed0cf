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
package struct ByteReader<Bytes: RandomAccessCollection> where Bytes.Element == UInt8 {
    private let bytes: Bytes
    private var index: Bytes.Index
    package private(set) var isShort = false

    package init(_ bytes: Bytes) {
        self.bytes = bytes
        index = bytes.startIndex
    }

    package var remaining: Int { bytes.distance(from: index, to: bytes.endIndex) }
    package mutating func u8() -> UInt8 { integer() }
    package mutating func u16() -> UInt16 { integer() }
    package mutating func u32() -> UInt32 { integer() }
    package mutating func u64() -> UInt64 { integer() }

    package mutating func take(_ count: Int) -> [UInt8] {
        guard count <= remaining else {
            isShort = true
            index = bytes.endIndex
            return []
        }
        let end = bytes.index(index, offsetBy: count)
        defer { index = end }
        return Array(bytes[index..<end])
    }

    /// Text behind a length of one byte; nil where it is cut off or not UTF-8.
    package mutating func short() -> String? {
        let bytes = take(Int(u8()))
        return isShort ? nil : String(validating: bytes, as: UTF8.self)
    }

    private mutating func integer<T: FixedWidthInteger>() -> T {
        guard remaining >= MemoryLayout<T>.size else {
            isShort = true
            index = bytes.endIndex
            return 0
        }
        var value: T = 0
        for place in 0..<MemoryLayout<T>.size {
            value |= T(truncatingIfNeeded: bytes[index]) << T(8 * place)
            index = bytes.index(after: index)
        }
        return value
    }
}

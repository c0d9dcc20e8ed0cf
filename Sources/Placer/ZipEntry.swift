/// One file in the directory of a ZIP archive.
struct ZipEntry {
    let name: ArraySlice<UInt8>
    /// Of the file's bytes as they lie in the archive.
    let packedSize: UInt64
    /// Where its own header stands, from the archive's beginning.
    let offset: UInt64
    /// Of this record.
    let size: Int

    /// Nil where the bytes do not begin with a whole record.
    init?(_ bytes: ArraySlice<UInt8>) {
        let fields = ZipFields(bytes)
        guard fields.u32(0) == 0x0201_4B50 else { return nil }
        let (nameCount, extraCount) = (Int(fields.u16(28)), Int(fields.u16(30)))
        size = 46 + nameCount + extraCount + Int(fields.u16(32))
        guard nameCount > 0, size <= bytes.count else { return nil }
        name = fields.bytes(46, nameCount)
        var (packed, offset) = (UInt64(fields.u32(20)), UInt64(fields.u32(42)))
        // Sizes that do not fit stand in the extra field 1, in this order, each only where it is needed.
        var large = Self.large(fields.bytes(46 + nameCount, extraCount))
        if fields.u32(24) == UInt32.max { _ = large.popFirst() }
        if packed == 0xFFFF_FFFF, let value = large.popFirst() { packed = value }
        if offset == 0xFFFF_FFFF, let value = large.popFirst() { offset = value }
        (packedSize, self.offset) = (packed, offset)
    }

    /// Neither absolute nor by way of `..`.
    var staysInside: Bool {
        let parts = name.split(omittingEmptySubsequences: false) { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }
        return parts.first?.isEmpty == false && !parts.contains { $0.elementsEqual("..".utf8) } && !name.contains(0)
    }

    /// For people: a part of it, without what a terminal obeys.
    var shownName: String {
        String(decoding: name.prefix(100), as: UTF8.self).filter {
            $0.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        }
    }

    private static func large(_ extra: ArraySlice<UInt8>) -> ArraySlice<UInt64> {
        var rest = extra
        while rest.count >= 4 {
            let head = ZipFields(rest)
            let count = Int(head.u16(2))
            guard 4 + count <= rest.count else { return [] }
            if head.u16(0) == 1 { return (0..<count / 8).map { head.u64(4 + $0 * 8) }[...] }
            rest = rest.dropFirst(4 + count)
        }
        return []
    }
}

/// Little-endian numbers at places in some bytes; 0 beyond their end.
struct ZipFields {
    private let all: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { all = bytes }

    func u16(_ place: Int) -> UInt16 { number(place) }
    func u32(_ place: Int) -> UInt32 { number(place) }
    func u64(_ place: Int) -> UInt64 { number(place) }

    /// Fewer where they end before.
    func bytes(_ place: Int, _ count: Int) -> ArraySlice<UInt8> { all.dropFirst(place).prefix(count) }

    private func number<Number: FixedWidthInteger>(_ place: Int) -> Number {
        let found = bytes(place, MemoryLayout<Number>.size)
        guard found.count == MemoryLayout<Number>.size else { return 0 }
        return found.reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }
}

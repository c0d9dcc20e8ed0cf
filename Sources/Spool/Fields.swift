/// Writes the fields of the formats that the parts of one node share, little-endian, one after another.
package struct FieldWriter {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func integer<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Behind a length of four bytes.
    package mutating func text(_ value: String) {
        integer(UInt32(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    package mutating func list<Element>(_ values: [Element], _ write: (inout FieldWriter, Element) -> Void) {
        integer(UInt32(values.count))
        for value in values { write(&self, value) }
    }
}

/// Reads what `FieldWriter` wrote; a field beyond the end throws.
package struct FieldReader {
    /// The bytes end within a field, or a field does not say what it may.
    package struct Malformed: Error, Equatable {
        package init() {}
    }

    private var rest: ArraySlice<UInt8>

    package init(_ bytes: [UInt8]) { rest = bytes[...] }

    package var isAtEnd: Bool { rest.isEmpty }

    package mutating func integer<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(Malformed) -> T {
        guard rest.count >= MemoryLayout<T>.size else { throw Malformed() }
        let bytes = rest.prefix(MemoryLayout<T>.size)
        rest = rest.dropFirst(MemoryLayout<T>.size)
        return bytes.reversed().reduce(0) { $0 << 8 | T(truncatingIfNeeded: $1) }
    }

    package mutating func text() throws(Malformed) -> String {
        let count = Int(try integer(UInt32.self))
        guard count <= rest.count else { throw Malformed() }
        defer { rest = rest.dropFirst(count) }
        guard let text = String(validating: rest.prefix(count), as: UTF8.self) else { throw Malformed() }
        return text
    }

    package mutating func flag() throws(Malformed) -> Bool { try integer(UInt8.self) != 0 }

    package mutating func list<Element>(
        _ read: (inout FieldReader) throws(Malformed) -> Element
    ) throws(Malformed) -> [Element] {
        let count = Int(try integer(UInt32.self))
        guard count <= rest.count else { throw Malformed() }
        var values: [Element] = []
        for _ in 0..<count { values.append(try read(&self)) }
        return values
    }
}

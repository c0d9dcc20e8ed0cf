/// Where a position of a spool lies: segments are files of one folder, named by their first position.
package enum Segment {
    /// How long a segment grows; a record never spans two.
    package static let size = 8 << 20

    /// 16 hex digits.
    package static func name(of first: UInt64) -> String {
        let digits = String(first, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The first position a name stands for; nil where it is no segment's.
    package static func first(of name: String) -> UInt64? {
        guard name.utf8.count == 16, let first = UInt64(name, radix: 16), Self.name(of: first) == name else {
            return nil
        }
        return first
    }

    /// The first positions of a folder's segments, in order.
    package static func list(_ folder: String) throws(SystemError) -> [UInt64] {
        try File.names(in: folder).compactMap(first(of:)).sorted()
    }
}

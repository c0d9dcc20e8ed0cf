/// The name of a node: 1-64 of `[A-Za-z0-9._-]`, not beginning with `-` or `.`.
package struct NodeName: Hashable, Sendable, Comparable, LosslessStringConvertible {
    package let description: String

    package init?(_ text: String) {
        guard (1...64).contains(text.utf8.count), let first = text.utf8.first else { return nil }
        guard first != UInt8(ascii: "-"), first != UInt8(ascii: ".") else { return nil }
        guard text.utf8.allSatisfy(Topic.isPlain) else { return nil }
        description = text
    }

    /// Digits compare as numbers, so that `node2` comes before `node10`.
    package static func < (left: NodeName, right: NodeName) -> Bool {
        NaturalOrder.isBefore(left.description, right.description)
    }
}

/// Orders text as people do: runs of digits by their value.
package enum NaturalOrder {
    package static func isBefore(_ left: String, _ right: String) -> Bool {
        var left = left.utf8[...]
        var right = right.utf8[...]
        while let a = left.first, let b = right.first {
            if isDigit(a), isDigit(b) {
                let (x, y) = (digits(&left), digits(&right))
                let (p, q) = (x.drop { $0 == 0x30 }, y.drop { $0 == 0x30 })
                if p.count != q.count { return p.count < q.count }
                if !p.elementsEqual(q) { return p.lexicographicallyPrecedes(q) }
                if x.count != y.count { return x.count < y.count }
            } else {
                if a != b { return a < b }
                left.removeFirst()
                right.removeFirst()
            }
        }
        return left.isEmpty && !right.isEmpty
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func digits(_ text: inout Substring.UTF8View.SubSequence) -> Substring.UTF8View.SubSequence {
        let run = text.prefix(while: isDigit)
        text = text[run.endIndex...]
        return run
    }
}

/// The id of an execution over all its nodes: 128 random bits, as text 26 letters of Crockford's base32.
package struct ExecutionID: Hashable, Sendable, Comparable {
    /// The two halves, most significant first; `bytes` is their big-endian form, so text and bytes sort alike.
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static func random() -> ExecutionID {
        var generator = SystemRandomNumberGenerator()
        return ExecutionID(high: generator.next(), low: generator.next())
    }

    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        var halves: (UInt64, UInt64) = (0, 0)
        for (index, byte) in bytes.enumerated() {
            if index < 8 { halves.0 = halves.0 << 8 | UInt64(byte) } else { halves.1 = halves.1 << 8 | UInt64(byte) }
        }
        self.init(high: halves.0, low: halves.1)
    }

    package var bytes: [UInt8] {
        [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * UInt64($0))) } }
    }

    package static func < (left: ExecutionID, right: ExecutionID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension ExecutionID: CustomStringConvertible, LosslessStringConvertible {
    private static let letters = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    package var description: String {
        var text = [UInt8](repeating: 0, count: 26)
        var rest = UInt128(high) << 64 | UInt128(low)
        for index in stride(from: 25, through: 0, by: -1) {
            text[index] = Self.letters[Int(truncatingIfNeeded: rest & 31)]
            rest >>= 5
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads the 26 letters, upper or lower case; `I`, `L` read as 1 and `O` as 0, as Crockford says. Nothing else is allowed.
    package init?(_ text: String) {
        guard text.utf8.count == 26 else { return nil }
        var value: UInt128 = 0
        for (index, raw) in text.utf8.enumerated() {
            let letter: UInt8 =
                switch raw {
                case UInt8(ascii: "a")...UInt8(ascii: "z"): raw - 32
                default: raw
                }
            let plain: UInt8 =
                switch letter {
                case UInt8(ascii: "I"), UInt8(ascii: "L"): UInt8(ascii: "1")
                case UInt8(ascii: "O"): UInt8(ascii: "0")
                default: letter
                }
            guard let digit = Self.letters.firstIndex(of: plain) else { return nil }
            if index == 0 && digit > 7 { return nil }
            value = value << 5 | UInt128(digit)
        }
        self.init(high: UInt64(truncatingIfNeeded: value >> 64), low: UInt64(truncatingIfNeeded: value))
    }
}

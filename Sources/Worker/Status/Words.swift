/// Cuts the text of /proc and /sys into lines, words and numbers, without a `String` between.
struct Words {
    private(set) var rest: ArraySlice<UInt8>

    init(_ text: ArraySlice<UInt8>) { rest = text }

    /// The words of the next line; nil at the end.
    mutating func line() -> Words? {
        guard !rest.isEmpty else { return nil }
        let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
        let line = Words(rest[..<end])
        rest = rest[min(end + 1, rest.endIndex)...]
        return line
    }

    /// The next word; nil where only blanks are left.
    mutating func word() -> ArraySlice<UInt8>? {
        guard let start = rest.firstIndex(where: { !Self.isBlank($0) }) else {
            rest = []
            return nil
        }
        let end = rest[start...].firstIndex(where: Self.isBlank) ?? rest.endIndex
        defer { rest = rest[end...] }
        return rest[start..<end]
    }

    mutating func text() -> String? { word().map { String(decoding: $0, as: UTF8.self) } }

    /// The digits with which the next word begins; nil where it has none or they are too many.
    mutating func number() -> UInt64? { word().flatMap(Self.number) }

    mutating func decimal() -> Double? { text().flatMap { Double($0) } }

    mutating func skip(_ words: Int) {
        for _ in 0..<words { _ = word() }
    }

    static func number(_ word: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        var digits = 0
        for byte in word {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { break }
            let (ten, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, more) = ten.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            guard !over, !more else { return nil }
            value = sum
            digits += 1
        }
        return digits > 0 ? value : nil
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
}

import Messages

/// A regular expression that takes time in proportion to what it reads, whatever it says: parsed to a program of few steps
/// that is run without going back (Thompson, "Regular Expression Search Algorithm", 1968).
///
/// Known: characters, `.`, `[a-z]`, `\d \w \s` and their opposites, `^ $`, groups, `|`, `* + ? {n,m}`. No references back and no
/// looking around. `.` and `[^…]` take a character of UTF-8.
struct LinePattern: Sendable {
    enum Step: Hashable, Sendable {
        /// One byte of a set.
        case byte(ByteSet)
        /// Goes on at both places, given as distances.
        case split(Int, Int)
        case start
        case end
        case match
    }

    static let mostSteps = 1000

    let steps: [Step]

    /// Throws `bad_request` with a sentence that says what is wrong with the expression.
    init(_ text: String, ignoresCase: Bool) throws(Failure) {
        var parser = LinePatternParser(text, ignoresCase: ignoresCase)
        steps = try parser.parse() + [.match]
    }
}

/// A set of bytes.
struct ByteSet: Hashable, Sendable {
    private var words: SIMD4<UInt64> = .zero

    init(_ bytes: some Sequence<UInt8> = []) { for byte in bytes { insert(byte) } }

    mutating func insert(_ byte: UInt8) { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }

    mutating func formUnion(_ other: ByteSet) { words |= other.words }

    func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] & (1 << UInt64(byte & 63)) != 0 }

    /// Its ASCII opposite.
    var otherASCII: ByteSet { ByteSet((0..<128 as Range<UInt8>).filter { !contains($0) }) }

    func withBothCases() -> ByteSet {
        var both = self
        for byte in UInt8(ascii: "a")...UInt8(ascii: "z") where contains(byte) || contains(byte - 32) {
            both.insert(byte)
            both.insert(byte - 32)
        }
        return both
    }

    static let digits = ByteSet(UInt8(ascii: "0")...UInt8(ascii: "9"))
    static let spaces = ByteSet([9, 10, 11, 12, 13, 32])
    static let wordCharacters = {
        var set = digits
        set.formUnion(ByteSet(UInt8(ascii: "a")...UInt8(ascii: "z")))
        set.formUnion(ByteSet(UInt8(ascii: "A")...UInt8(ascii: "Z")))
        set.insert(UInt8(ascii: "_"))
        return set
    }()
}

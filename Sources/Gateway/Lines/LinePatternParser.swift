import Messages

/// Reads a regular expression into the steps of a `LinePattern`; places are distances, so that parts can be put together.
struct LinePatternParser {
    typealias Steps = [LinePattern.Step]

    private static let deepest = 50

    private var rest: Substring.UnicodeScalarView
    private let ignoresCase: Bool
    private var depth = 0

    init(_ text: String, ignoresCase: Bool) {
        rest = Substring(text).unicodeScalars
        self.ignoresCase = ignoresCase
    }

    mutating func parse() throws(Failure) -> Steps {
        let steps = try alternatives()
        guard rest.isEmpty else { throw wrong("a ) has no ( before it") }
        return steps
    }

    private mutating func alternatives() throws(Failure) -> Steps {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.deepest else { throw wrong("groups lie too deep in one another") }
        var steps = try sequence()
        while take("|") {
            let other = try sequence()
            steps = try checked(
                [.split(1, steps.count + 2)] + steps + [.split(other.count + 1, other.count + 1)] + other)
        }
        return steps
    }

    private mutating func sequence() throws(Failure) -> Steps {
        var steps: Steps = []
        while let next = rest.first, next != "|", next != ")" {
            let atom = try atom()
            steps = try checked(steps + repeated(atom))
        }
        return steps
    }

    private mutating func repeated(_ atom: Steps) throws(Failure) -> Steps {
        var steps = atom
        while let next = rest.first, "*+?{".unicodeScalars.contains(next) {
            rest.removeFirst()
            switch next {
            case "*": steps = try Self.times(steps, 0, nil, checked)
            case "+": steps = try Self.times(steps, 1, nil, checked)
            case "?": steps = try Self.times(steps, 0, 1, checked)
            default:
                let (least, most) = try bounds()
                steps = try Self.times(steps, least, most, checked)
            }
            // Whether it takes few or many is the same to who asks only whether it is there.
            _ = take("?")
        }
        return steps
    }

    private static func times(
        _ steps: Steps, _ least: Int, _ most: Int?, _ checked: (Steps) throws(Failure) -> Steps
    ) throws(Failure) -> Steps {
        var all: Steps = []
        for _ in 0..<least { all = try checked(all + steps) }
        if let most {
            for _ in least..<max(least, most) { all = try checked(all + [.split(1, steps.count + 1)] + steps) }
            return all
        }
        return try checked(all + [.split(1, steps.count + 2)] + steps + [.split(-steps.count, 1)])
    }

    private mutating func bounds() throws(Failure) -> (Int, Int?) {
        guard let least = number() else { throw wrong("a { is followed by {n}, {n,} or {n,m}") }
        var most: Int? = least
        if take(",") { most = number() }
        guard take("}"), most.map({ $0 >= least && $0 <= 1000 }) ?? true, least <= 1000 else {
            throw wrong("a { is followed by {n}, {n,} or {n,m}, of at most 1000")
        }
        return (least, most)
    }

    private mutating func number() -> Int? {
        var digits = ""
        while let next = rest.first, ("0"..."9").contains(next), digits.count < 5 {
            digits.unicodeScalars.append(next)
            rest.removeFirst()
        }
        return Int(digits)
    }

    private mutating func atom() throws(Failure) -> Steps {
        let next = rest.removeFirst()
        switch next {
        case "(":
            if take("?"), !take(":") { throw wrong("only (?: may follow a (") }
            let steps = try alternatives()
            guard take(")") else { throw wrong("a ( has no ) after it") }
            return steps
        case ".": return Self.anything(but: ByteSet())
        case "^": return [.start]
        case "$": return [.end]
        case "[": return try brackets()
        case "\\": return try escaped()
        case "*", "+", "?", "{": throw wrong("a \(next) has nothing before it")
        default: return literal(next)
        }
    }

    private func literal(_ scalar: Unicode.Scalar) -> Steps {
        String(scalar).utf8.map { .byte(cased(ByteSet([$0]))) }
    }

    private func cased(_ set: ByteSet) -> ByteSet { ignoresCase ? set.withBothCases() : set }

    private mutating func escaped() throws(Failure) -> Steps {
        guard let next = rest.popFirst() else { throw wrong("it ends with a \\") }
        if let set = Self.named(next) { return [.byte(set)] }
        if let set = Self.named(Unicode.Scalar(next.value + 32) ?? next), ("A"..."Z").contains(next) {
            return Self.anything(but: set)
        }
        return try [.byte(cased(ByteSet([character(next)])))]
    }

    private func character(_ next: Unicode.Scalar) throws(Failure) -> UInt8 {
        if let control: UInt8 = ["t": 9, "r": 13, "e": 27, "0": 0][next] { return control }
        guard next.isASCII, !next.properties.isAlphabetic, !("1"..."9").contains(next) else {
            throw wrong("\\\(next) is not known here")
        }
        return UInt8(next.value)
    }

    private static func named(_ letter: Unicode.Scalar) -> ByteSet? {
        switch letter {
        case "d": .digits
        case "w": .wordCharacters
        case "s": .spaces
        default: nil
        }
    }

    private mutating func brackets() throws(Failure) -> Steps {
        let isOpposite = take("^")
        var set = ByteSet()
        var isFirst = true
        while let next = rest.first, next != "]" || isFirst {
            isFirst = false
            rest.removeFirst()
            if next == "\\", let name = rest.first, let named = Self.named(name) {
                rest.removeFirst()
                set.formUnion(named)
                continue
            }
            let low = try member(next)
            guard let dash = rest.first, dash == "-", let last = rest.dropFirst().first, last != "]" else {
                set.insert(low)
                continue
            }
            rest.removeFirst(2)
            let high = try member(last)
            guard low <= high else { throw wrong("a range in [ ] runs backwards") }
            set.formUnion(ByteSet(low...high))
        }
        guard take("]") else { throw wrong("a [ has no ] after it") }
        return isOpposite ? Self.anything(but: cased(set)) : [.byte(cased(set))]
    }

    private mutating func member(_ next: Unicode.Scalar) throws(Failure) -> UInt8 {
        if next == "\\" {
            guard let escaped = rest.popFirst() else { throw wrong("it ends with a \\") }
            return try character(escaped)
        }
        guard next.isASCII else { throw wrong("[ ] takes ASCII only: write é|è for [éè]") }
        return UInt8(next.value)
    }

    /// A character that is not in an ASCII set: one byte that begins one, and those that go on with it.
    private static func anything(but set: ByteSet) -> Steps {
        var first = set.otherASCII
        first.formUnion(ByteSet(0xC0...0xFF))
        return [.byte(first), .split(1, 3), .byte(ByteSet(0x80...0xBF)), .split(-1, 1)]
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard rest.first == scalar else { return false }
        rest.removeFirst()
        return true
    }

    private func checked(_ steps: Steps) throws(Failure) -> Steps {
        guard steps.count < LinePattern.mostSteps else { throw wrong("it is too long") }
        return steps
    }

    private func wrong(_ reason: String) -> Failure {
        Failure(.badRequest, "This regular expression cannot be read: \(reason).")
    }
}

/// Cuts the text of a node set at its operators and writes out what stands in brackets.
enum NodeSetScanner {
    static let limit = 100_000

    /// The words and what each does to those before it. Commas inside brackets belong to the word.
    static func words(of text: String) throws(NodeSetError) -> [(NodeSet.Operation, String)] {
        var words: [(NodeSet.Operation, String)] = []
        var operation = NodeSet.Operation.add
        var word = ""
        var depth = 0
        func finish() {
            if !word.isEmpty { words.append((operation, word)) }
            word = ""
        }
        for letter in text {
            switch letter {
            case "[": depth += 1
            case "]": depth -= 1
            default: break
            }
            guard depth == 0 || depth == 1 else { throw .unbalanced(text) }
            guard depth == 0, let next = Self.operation(letter) else {
                word.append(letter)
                continue
            }
            finish()
            operation = next
        }
        guard depth == 0 else { throw .unbalanced(text) }
        finish()
        return words
    }

    private static func operation(_ letter: Character) -> NodeSet.Operation? {
        switch letter {
        case ",", " ", "\t", "\n": .add
        case "!": .remove
        case "&": .keep
        default: nil
        }
    }

    /// Every name that a word with brackets stands for: `a[1-2]b[3,5]` is four.
    static func expand(_ word: String) throws(NodeSetError) -> [String] {
        guard let open = word.firstIndex(of: "[") else {
            guard !word.contains("]") else { throw .unbalanced(word) }
            return [word]
        }
        guard let close = word[open...].firstIndex(of: "]") else { throw .unbalanced(word) }
        let head = word[..<open]
        let tails = try expand(String(word[word.index(after: close)...]))
        var names: [String] = []
        for item in word[word.index(after: open)..<close].split(separator: ",", omittingEmptySubsequences: false) {
            for number in try numbers(String(item)) {
                guard names.count + tails.count <= limit else { throw .tooMany(limit: limit) }
                names.append(contentsOf: tails.map { head + number + $0 })
            }
        }
        return names
    }

    /// `5`, `1-5`, `01-20` (padded), `1-9/2` (every second).
    private static func numbers(_ item: String) throws(NodeSetError) -> [String] {
        let steps = item.split(separator: "/", omittingEmptySubsequences: false)
        let ends = (steps.first ?? "").split(separator: "-", omittingEmptySubsequences: false)
        guard let first = ends.first, let last = ends.last, ends.count <= 2, steps.count <= 2 else {
            throw .badRange(item)
        }
        let step = steps.count == 2 ? number(steps[1]) : 1
        guard let step, step > 0, let from = number(first), let to = number(last), from <= to else {
            throw .badRange(item)
        }
        guard (to - from) / step < limit else { throw .tooMany(limit: limit) }
        let width = first.hasPrefix("0") ? first.count : 0
        return stride(from: from, through: to, by: step).map { pad($0, to: width) }
    }

    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }

    static func pad(_ number: Int, to width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

/// Matching with `*` (any letters) and `?` (one).
enum Wildcard {
    static func matches(_ text: String, _ pattern: String) -> Bool {
        matches(Array(text.utf8)[...], Array(pattern.utf8)[...])
    }

    private static func matches(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        let rest = pattern.dropFirst()
        switch first {
        case UInt8(ascii: "*"):
            return (text.startIndex...text.endIndex).contains { matches(text[$0...], rest) }
        case UInt8(ascii: "?"):
            return !text.isEmpty && matches(text.dropFirst(), rest)
        default:
            return text.first == first && matches(text.dropFirst(), rest)
        }
    }
}

import Messages

/// Splits a line into words as a POSIX shell does (XCU 2.2, 2.6.5 without expansions): quotes and backslashes, nothing else.
///
/// `$`, `*`, `;`, `|`, `&`, `<`, `>` and `#` are letters like all others.
enum ShellWords {
    static func split(_ line: String) throws(Failure) -> [String] {
        var words: [String] = []
        var word: String?
        var rest = line.unicodeScalars[...]
        while let letter = rest.popFirst() {
            switch letter {
            case " ", "\t", "\n":
                if let whole = word { words.append(whole) }
                word = nil
            case "'": word = (word ?? "") + (try single(&rest))
            case "\"": word = (word ?? "") + (try double(&rest))
            case "\\":
                guard let next = rest.popFirst() else {
                    throw Failure(.badCommand, "The command ends with a backslash.")
                }
                // A backslash and a line's end join the lines.
                if next != "\n" { word = (word ?? "") + String(next) }
            default: word = (word ?? "") + String(letter)
            }
        }
        if let whole = word { words.append(whole) }
        return words
    }

    private static func single(_ rest: inout Substring.UnicodeScalarView) throws(Failure) -> String {
        guard let end = rest.firstIndex(of: "'") else { throw unbalanced("'") }
        defer { rest = rest[rest.index(after: end)...] }
        return String(rest[..<end])
    }

    private static func double(_ rest: inout Substring.UnicodeScalarView) throws(Failure) -> String {
        var text = String.UnicodeScalarView()
        while let letter = rest.popFirst() {
            switch letter {
            case "\"": return String(text)
            case "\\":
                guard let next = rest.popFirst() else { throw unbalanced("\"") }
                switch next {
                case "\n": break
                case "$", "`", "\"", "\\": text.append(next)
                default:
                    text.append(letter)
                    text.append(next)
                }
            default: text.append(letter)
            }
        }
        throw unbalanced("\"")
    }

    private static func unbalanced(_ quote: String) -> Failure {
        Failure(.badCommand, "A quote (\(quote)) in the command is never closed.")
    }
}

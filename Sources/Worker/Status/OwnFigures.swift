/// The operator's own figures: a file of `key: value` lines, `#` begins a comment.
enum OwnFigures {
    static let most = 50
    static let longestKey = 40
    static let longestValue = 200

    /// What does not fit is cut or left out; the last of two equal keys counts.
    static func read(_ text: ArraySlice<UInt8>) -> [String: String] {
        var found: [String: String] = [:]
        // By bytes: to Swift \r\n is one character, and no \n.
        for bytes in text.split(separator: UInt8(ascii: "\n")) where bytes.first != UInt8(ascii: "#") {
            let line = String(decoding: bytes, as: UTF8.self)
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(trimmed)
            guard parts.count == 2, !parts[0].isEmpty, parts[0].count <= longestKey else { continue }
            guard found.count < most || found[parts[0]] != nil else { continue }
            found[parts[0]] = String(parts[1].prefix(longestValue))
        }
        return found
    }

    private static func trimmed(_ text: Substring) -> String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
        let front = text.drop(while: isBlank)
        return String(front.reversed().drop(while: isBlank).reversed())
    }
}

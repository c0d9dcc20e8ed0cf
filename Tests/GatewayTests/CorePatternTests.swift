import Foundation
import Messages
import Testing

@testable import Gateway

/// Regular expressions of a search, beside Foundation's where both know them.
@Suite(.timeLimit(.minutes(1))) struct CorePatternTests {
    private func matches(_ pattern: String, _ line: String, ignoresCase: Bool = false) throws -> Bool {
        var matcher = LineMatcher(try LinePattern(pattern, ignoresCase: ignoresCase))
        return Array(line.utf8).withUnsafeBytes { matcher.matches($0) }
    }

    @Test(arguments: [
        "abc", "a.c", "^abc", "abc$", "^$", "a*", "xa+b", "colou?r", "(ab)+c", "a|b|cd", "(foo|bar)baz", "[a-c]x",
        "[^a-c]x",
        "\\d+ms", "\\w+@\\w+\\.org", "\\S\\s\\S", "a{2}", "a{2,}b", "^a{1,3}$", "(a|b)*c", "\\[x\\]", "a\\.b", "é+",
        "^.{3}$",
        "(?:x|y)z", "[\\d-]+z", "()", "a||b", "^a|b$", "(^a)b", "x*?y", "\\D\\s",
    ])
    func `it finds what Foundation finds`(pattern: String) throws {
        let lines = [
            "", "a", "abc", "xabc", "abcx", "aXc", "color", "colour", "ababc", "cd", "foobaz", "barbaz", "dx", "ax",
            "10ms",
            "ana@example.org", "a b", "aa", "aab", "aaaa", "abac", "[x]", "a.b", "axb", "éé", "é", "日本語", "日本", "xz",
            "]b", "1-2z", "b", "y", "xay", "xaab", "x-",
        ]
        let expression = try NSRegularExpression(pattern: pattern)
        for line in lines {
            let expected = expression.firstMatch(in: line, range: NSRange(line.startIndex..., in: line)) != nil
            #expect(try matches(pattern, line) == expected, "\(pattern) in \(line)")
        }
    }

    @Test(arguments: [
        "(", ")", "a)", "[a", "*a", "a{", "a{2,1}", "\\", "\\1", "(?=a)", "[é]", "a{1001}", "(a{100}){100}", "[z-a]",
    ])
    func `what it does not know is refused`(pattern: String) {
        #expect(throws: Failure.self) { try LinePattern(pattern, ignoresCase: false) }
    }

    @Test func `case is ASCII's where it is ignored`() throws {
        #expect(try matches("Error [a-c]", "ERROR B", ignoresCase: true))
        #expect(try !matches("Error [a-c]", "ERROR B"))
        #expect(try matches("[]a]b", "]b"))
        #expect(try matches("[^a]", "A", ignoresCase: true) == false)
    }

    @Test func `what makes others search for ever takes as long as the line is`() throws {
        let line = String(repeating: "a", count: 60_000) + "b"
        let began = ContinuousClock.now
        for pattern in ["(a+)+$", "(a|a)*c", "(a|aa)+$", "(.*)(.*)(.*)(.*)x", "(a?){100}a{100}c"] {
            #expect(try !matches(pattern, line))
        }
        #expect(began.duration(to: .now) < .seconds(20))
    }

    @Test func `more states than the table has room for are no harm`() throws {
        // After an a, what stands ten characters later depends on 2^10 histories.
        var random = Seeded(state: 5)
        let line =
            String((0..<20_000).map { _ in Bool.random(using: &random) ? "a" : "b" }) + "a"
            + String(repeating: "b", count: 11)
        #expect(try matches("a.{11}$", line))
        #expect(try !matches("a.{10}c", line))
    }
}

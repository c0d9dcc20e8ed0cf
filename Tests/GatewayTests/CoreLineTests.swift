import Foundation
import Messages
import NIOCore
import Spool
import Testing

@testable import Gateway

/// Windows of lines and searches, against a splitter that keeps everything.
@Suite(.timeLimit(.minutes(2))) struct CoreLineTests {
    static let filters = [
        LineFilter(), LineFilter(runs: [1]), LineFilter(runs: [0, 2], hasStderr: false), LineFilter(hasStdout: false),
    ]

    /// Words, newlines, empty lines, half lines and lines over many entries, of three runs.
    private func random(_ seed: UInt64, entries: Int, gaps: Bool) throws -> WrittenLog {
        var random = Seeded(state: seed)
        let log = try WrittenLog()
        for _ in 0..<entries {
            let run = UInt32.random(in: 0..<3, using: &random)
            if gaps, Int.random(in: 0..<40, using: &random) == 0 {
                log.appendGap(run: run, bytes: 100)
                continue
            }
            let parts = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                let stream = [Spool.Stream.stdout, .stdout, .stderr, .control].randomElement(using: &random) ?? .stdout
                let words = ["one", "Two", "\n", "\n\n", "x", "é", "error: three\n", "\u{1b}[31m"]
                let text = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                    words.randomElement(using: &random) ?? ""
                }
                return (stream, stream == .control ? [1] : Array(text.joined().utf8))
            }
            log.append(run: run, parts)
        }
        return log
    }

    @Test(arguments: [UInt64](1...8)) func `any window is what a plain splitter says`(seed: UInt64) throws {
        let log = try random(seed, entries: 3000, gaps: seed.isMultiple(of: 2))
        var random = Seeded(state: seed &* 77)
        let items = try log.items()
        for filter in seed.isMultiple(of: 2) ? Array(Self.filters.prefix(2)) : Self.filters {
            let map = try log.map(filter)
            let expected = log.lines(filter)
            #expect(map.total == expected.count)
            for _ in 0..<60 {
                let from = Int.random(in: 0...expected.count, using: &random)
                let count = Int.random(in: 1...200, using: &random)
                let found = try LineWindow.read(items, map, from: from, count: count)
                #expect(found == Array(expected.dropFirst(from).prefix(count)))
            }
        }
    }

    @Test func `the open lines grow with the log and are the same when looked for anew`() throws {
        let log = try WrittenLog()
        var open = OpenLines()
        for round in 0..<60 {
            log.append(run: UInt32(round % 3), "part \(round)", of: round.isMultiple(of: 4) ? .stderr : .stdout)
            if round % 5 == 1 { log.append(run: UInt32(round % 2), "\n") }
            if round == 30 { log.appendGap(run: 1, bytes: 50) }
            let items = try log.items()
            try open.advance(items, to: items.count(), runs: 3)
            #expect(open.lines(LineFilter()) == log.openLines(LineFilter()))
            var anew = OpenLines()
            try anew.advance(items, to: items.count(), runs: 3)
            #expect(anew.lines(LineFilter()) == log.openLines(LineFilter()))
        }
        #expect(!log.openLines(LineFilter()).isEmpty)
        #expect(
            open.lines(LineFilter(runs: [1], hasStderr: false))
                == log.openLines(LineFilter(runs: [1], hasStderr: false)))
    }

    @Test func `a line over many entries is shown by its first bytes, also from the middle`() throws {
        let log = try WrittenLog()
        log.append(run: 0, "first\nlong ")
        for number in 0..<300 {
            log.append(run: 0, String(repeating: "0123456789", count: 6000))
            if number == 100 { log.append(run: 1, "other\n") }
            if number == 290 { log.append(run: 0, "half", of: .stderr) }
        }
        log.append(run: 0, " whole\n", of: .stderr)
        log.append(run: 0, "end\nnext\n")
        let map = try log.map(LineFilter())
        #expect(map.total == 5)
        for from in 0..<5 {
            let found = try LineWindow.read(log.items(), map, from: from, count: 5)
            #expect(found == Array(log.lines(LineFilter()).dropFirst(from)))
        }
        guard case .output(_, let head) = try LineWindow.read(log.items(), map, from: 3, count: 1).first?.content else {
            Issue.record("no line")
            return
        }
        #expect(head.isCut && head.bytes.count == 8192 && head.bytes.starts(with: Array("long 0123".utf8)))
    }

    @Test(arguments: [UInt64](11...14)) func `a search tells every line that matches`(seed: UInt64) throws {
        let log = try random(seed, entries: 2000, gaps: false)
        let items = try log.items()
        let wishes: [(text: String, isPattern: Bool, ignoresCase: Bool)] = [
            ("one", false, false), ("two", false, true), ("oneT", false, false), ("é", false, true),
            ("^error: t[gh]", true, false), ("ONE.x$", true, true), ("nowhere", false, false),
        ]
        for filter in Self.filters {
            let all = log.lines(filter) + log.openLines(filter)
            for wish in wishes {
                let sought = try LineSought(wish.text, isPattern: wish.isPattern, ignoresCase: wish.ignoresCase)
                let pattern = wish.isPattern ? wish.text : NSRegularExpression.escapedPattern(for: wish.text)
                let expression = try NSRegularExpression(
                    pattern: pattern, options: wish.ignoresCase ? .caseInsensitive : [])
                let expected = all.indices.filter { place in
                    guard case .output(_, let head) = all[place].content else { return false }
                    let text = String(decoding: head.bytes, as: UTF8.self)
                    return expression.firstMatch(in: text, range: NSRange(text.startIndex..., in: text)) != nil
                }
                var search = LogSearch(sought, filter, most: 100_000)
                var found: [Int] = []
                while try search.advance(items, to: items.count()) { found += search.matches }
                search.finish()
                found += search.matches
                #expect(found == expected, "\(wish)")
                #expect(search.line == all.count)
            }
        }
    }

    @Test func `runs with the same output are one group, however it was cut, and the odd ones come first`() throws {
        let log = try WrittenLog()
        log.append(run: 0, "one\ntwo\n")
        log.append(run: 1, "one")
        log.append(run: 3, "one\ntwo\n", of: .stderr)
        for part in ["\n", "t", "wo\n"] { log.append(run: 1, part) }
        log.append(run: 2, "one\nTwo\n")
        log.append(run: 5, [(.stdout, Array("one\n".utf8)), (.stdout, Array("two\n".utf8))])
        var same = Sameness()
        try same.advance(log.items(), to: log.items().count())
        #expect(same.groups(runs: 7).map(\.runs) == [[2], [3], [4, 6], [0, 1, 5]])
        #expect(same.groups(runs: 6).first { $0.runs == [0, 1, 5] }.map { [$0.lines, $0.bytes] } == [2, 8])
        log.appendGap(run: 0, bytes: 5)
        log.appendGap(run: 1, bytes: 5)
        try same.advance(log.items(), to: log.items().count())
        #expect(same.groups(runs: 6).map(\.runs) == [[0], [1], [2], [3], [4], [5]])
    }

    @Test func `a search ends at as many matches as wanted`() throws {
        let log = try WrittenLog()
        for _ in 0..<10 { log.append(run: 0, "a\na\na\n") }
        var search = LogSearch(try LineSought("a", isPattern: false, ignoresCase: false), LineFilter(), most: 7)
        #expect(try search.advance(log.items(), to: 10))
        #expect(search.matches == Array(0..<7) && search.isFull)
    }

    @Test func `the map finds a line in any block`() {
        var map = LineMap(LineFilter())
        let items = (0..<5000).map { number in
            LogIndex.Item(
                offset: 0, position: 0, run: 0, length: 1, stdoutLines: UInt32(number % 3), stderrLines: 0)
        }
        for part in [0..<1000, 1000..<1024, 1024..<5000] { map.append(Array(items[part])) }
        var lines = 0
        for (number, item) in items.enumerated() {
            for _ in 0..<item.stdoutLines {
                let block = map.block(of: lines)
                #expect(block.item <= number && number < block.item + LineMap.blockItems)
                #expect(items[..<block.item].reduce(0) { $0 + Int($1.stdoutLines) } == block.linesBefore)
                lines += 1
            }
        }
        #expect(lines == map.total)
    }

    @Test func `the text of a log has every line with its node, cut lines in pieces`() throws {
        let log = try WrittenLog()
        log.append(run: 0, "one\ntw")
        log.append(run: 1, "other\nrest", of: .stderr)
        log.append(run: 0, "o\n")
        log.append(run: 1, String(repeating: "x", count: 65_536))
        log.append(run: 1, "y\n")
        _ = try log.items()
        var text = LogText(nodes: [0: "a", 1: "b"], LineFilter())
        let reader = try log.logs.reader(for: log.id)
        var found = String(buffer: try text.text(of: reader.read(from: 0, upTo: 1 << 20)))
        found += String(buffer: text.rest())
        let long = String(repeating: "x", count: 65_536)
        #expect(found == "a: one\nb: other\na: two\nb: \(long)\nb: y\nb: rest\n")
    }
}

/// A generator that gives the same again (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

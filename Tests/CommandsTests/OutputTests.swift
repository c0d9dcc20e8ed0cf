import Messages
import Spool
import Testing

@testable import Commands

@Suite("Output")
struct OutputTests {
    private func text(_ buffer: OutputBuffer, _ target: OutputBuffer.Target = .stdout) -> String {
        String(decoding: buffer.bytes(to: target), as: UTF8.self)
    }

    private func show(
        _ formatter: inout OutputFormatter, _ text: String, _ stream: Stream = .stdout, run: Int = 0,
        into buffer: inout OutputBuffer
    ) {
        Array(text.utf8).withUnsafeBytes {
            formatter.receive($0, of: stream, run: run, timeNanoseconds: 7, into: &buffer)
        }
    }

    @Test func `lines are labelled whole, each stream of each node by itself`() {
        var formatter = OutputFormatter(.labelled(.init()), names: ["node1", "node2"])
        var buffer = OutputBuffer(keepsOrder: false)
        show(&formatter, "a", into: &buffer)
        show(&formatter, "x\ny", run: 1, into: &buffer)
        show(&formatter, "oops\n", .stderr, into: &buffer)
        show(&formatter, "b\n\nc", into: &buffer)
        formatter.finishAll(into: &buffer)
        #expect(text(buffer) == "node2: x\nnode1: ab\nnode1: \nnode1: c\nnode2: y\n")
        #expect(text(buffer, .stderr) == "node1: oops\n")
    }

    @Test func `raw gives the very bytes`() {
        var formatter = OutputFormatter(.raw, names: ["node1"])
        var buffer = OutputBuffer()
        let bytes = (0...255).map { UInt8($0) }
        bytes.withUnsafeBytes { formatter.receive($0, of: .stdout, run: 0, timeNanoseconds: 0, into: &buffer) }
        formatter.finishAll(into: &buffer)
        #expect(buffer.bytes(to: .stdout) == bytes)
    }

    @Test func `json tells text and bytes apart`() {
        var formatter = OutputFormatter(.json, names: ["node1"])
        var buffer = OutputBuffer()
        show(&formatter, "say \"hi\"\t\u{1B}\n", into: &buffer)
        ([0x80, 0x41, 0x0A] as [UInt8]).withUnsafeBytes {
            formatter.receive($0, of: .stderr, run: 0, timeNanoseconds: 8, into: &buffer)
        }
        #expect(
            text(buffer) == #"""
                {"event":"line","node":"node1","stream":"stdout","time":7,"text":"say \"hi\"\u0009\u001b"}
                {"event":"line","node":"node1","stream":"stderr","time":8,"base64":"gEE="}

                """#)
    }

    @Test func `without an end of line memory stays bounded`() {
        var cutter = LineCutter()
        var longest = 0
        var total = 0
        let piece = [UInt8](repeating: 0x61, count: 65_536)
        for _ in 0..<64 {
            piece.withUnsafeBytes { bytes in
                cutter.receive(bytes) {
                    longest = max(longest, $0.count)
                    total += $0.count
                }
            }
        }
        cutter.finish { total += $0.count }
        #expect(longest <= LineCutter.limit + 65_536)
        #expect(total == 64 * 65_536)
    }

    @Test(arguments: [
        ("plain\ttext", "plain\ttext"),
        ("\u{1B}[31mred\u{1B}[0m", "\u{1B}[31mred\u{1B}[0m\u{1B}[0m"),
        ("\u{1B}[2Jgone\u{1B}[10;10H", "gone"),
        ("\u{1B}]0;title\u{07}x", "x"),
        ("\u{1B}]52;c;AAAA\u{1B}\\y", "y"),
        ("\u{1B}Pq#0\u{1B}\\z", "z"),
        ("\u{1B}(Bt\u{1B}c", "t"),
        ("a\u{07}\u{08}\0b", "ab"),
        ("10 %\r20 %\r", "20 %"),
        ("line\r", "line"),
        ("\u{9B}31mc1", "c1"),
        ("\u{202E}abc", "abc"),
        ("\u{1B}[?25l\u{1B}[>4;1mq", "q"),
        ("ends\u{1B}", "ends"),
        ("é漢", "é漢"),
    ])
    func `only colours reach a terminal`(_ given: String, _ wanted: String) {
        let tamed = Array(given.utf8).withUnsafeBytes { Tamer.tame($0) }
        #expect(String(decoding: tamed, as: UTF8.self) == wanted)
    }

    @Test func `bytes that are not UTF-8 are shown as such`() {
        let tamed = ([0x41, 0xFF, 0x42] as [UInt8]).withUnsafeBytes { Tamer.tame($0) }
        #expect(String(decoding: tamed, as: UTF8.self) == "A\u{FFFD}B")
    }

    @Test func `a frame is found however it is cut`() throws {
        let bytes: [UInt8] = [2, 0, 0, 0, 1, 0x7B, 0x7D, 3, 0, 0, 0, 2, 9, 8, 7]
        var decoder = FrameDecoder()
        var frames: [Frame] = []
        for byte in bytes {
            [byte].withUnsafeBytes { decoder.receive($0) }
            while let frame = try decoder.next() { frames.append(frame) }
        }
        #expect(frames == [.text([0x7B, 0x7D]), .binary([9, 8, 7])])
    }

    @Test(arguments: [[255, 255, 255, 255, 1], [1, 0, 0, 0, 3, 0]] as [[UInt8]])
    func `what is no frame is refused`(_ bytes: [UInt8]) {
        var decoder = FrameDecoder()
        bytes.withUnsafeBytes { decoder.receive($0) }
        #expect(throws: CommandError.self) { try decoder.next() }
    }
}

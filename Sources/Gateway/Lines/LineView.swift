import FoundationEssentials
import Messages
import Spool

/// What the API shows of lines (docs/protocol.md §10).
struct LineView: Encodable, Sendable {
    struct Gap: Encodable, Sendable {
        var from: UInt64
        var to: UInt64
    }

    var run: UInt32
    var stream: String?
    /// Of its first byte, Unix milliseconds with a fraction.
    var time: Double?
    var text: String?
    var base64: String?
    /// The line is longer than what is shown of it.
    var cut: Bool?
    var gap: Gap?
    /// Lines that the gap cut off.
    var before: [LineView]?

    init(_ line: Line) {
        run = line.run
        switch line.content {
        case .output(let stream, let head): take(head, stream)
        case .gap(let from, let to, let heads):
            gap = Gap(from: from, to: to)
            before = heads.isEmpty ? nil : heads.map { LineView(run: line.run, $0) }
        }
    }

    private init(run: UInt32, _ head: LineHead) {
        self.run = run
        take(head, nil)
    }

    private mutating func take(_ head: LineHead, _ stream: Spool.Stream?) {
        self.stream = stream?.word
        time = head.timeNanoseconds.map { Double($0) / 1e6 }
        cut = head.isCut ? true : nil
        let bytes = head.isCut ? Self.whole(head.bytes) : head.bytes[...]
        if let valid = String(validating: bytes, as: UTF8.self) {
            text = valid
        } else {
            base64 = Data(bytes).base64EncodedString()
        }
    }

    /// Without the first bytes of a character whose last ones are cut off.
    private static func whole(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        for back in 1...4 where bytes.count >= back {
            let byte = bytes[bytes.count - back]
            guard byte & 0xC0 != 0x80 else { continue }
            let length = byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
            return length > back ? bytes.dropLast(back) : bytes[...]
        }
        return bytes[...]
    }
}

/// A window of lines.
struct LinesView: Encodable, Sendable {
    var log: String
    var from: Int
    var total: Int
    var lines: [LineView]
    var open: [LineView]?

    init(_ answer: LineReading.Answer) {
        log = String(format16: answer.log)
        (from, total) = (answer.from, answer.total)
        lines = answer.lines.map(LineView.init)
        open = answer.open.map { $0.map(LineView.init) }
    }
}

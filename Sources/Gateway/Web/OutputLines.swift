import FoundationEssentials
import Messages
import NIOCore
import Spool

/// An execution's output for curl: a line of JSON for each record.
struct OutputLines {
    private struct Line: Encodable {
        struct Gap: Encodable {
            var from: UInt64
            var to: UInt64
        }
        var node: String
        var stream: String?
        var position: UInt64?
        /// Unix milliseconds with a fraction.
        var time: Double?
        var text: String?
        var base64: String?
        var gap: Gap?
    }

    let nodes: [UInt32: String]
    private let encoder = JSONEncoder.plain

    init(_ view: ExecutionView) {
        nodes = Dictionary((view.runs ?? []).map { (UInt32($0.run), $0.node) }) { first, _ in first }
    }

    func lines(of piece: LogReader.Piece) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        try LogEntryReader.walk(piece) { item in
            guard let line = line(for: item, in: piece) else { return }
            buffer.writeBytes(try encoder.encode(line))
            buffer.writeInteger(UInt8(ascii: "\n"))
        }
        return buffer
    }

    private func line(for item: LogEntryReader.Item, in piece: LogReader.Piece) -> Line? {
        switch item {
        case .gap(let run, let from, let to):
            return Line(node: name(of: run), gap: .init(from: from, to: to))
        case .record(let run, let record, let position):
            guard record.stream != .control else { return nil }
            let bytes = piece.bytes[record.range]
            var line = Line(
                node: name(of: run), stream: record.stream.word, position: position,
                time: Double(record.timeNanoseconds) / 1e6)
            if let text = String(validating: bytes, as: UTF8.self) {
                line.text = text
            } else {
                line.base64 = Data(bytes).base64EncodedString()
            }
            return line
        }
    }

    private func name(of run: UInt32) -> String { nodes[run] ?? "run \(run)" }
}

/// The very bytes of one stream.
enum OutputBytes {
    static func bytes(of piece: LogReader.Piece, _ stream: Spool.Stream) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        try LogEntryReader.walk(piece) { item in
            guard case .record(_, let record, _) = item, record.stream == stream else { return }
            buffer.writeBytes(piece.bytes[record.range])
        }
        return buffer
    }
}

extension Spool.Stream {
    var word: String {
        switch self {
        case .control: "control"
        case .stdout: "stdout"
        case .stderr: "stderr"
        case .terminal: "terminal"
        }
    }

    init?(word: String) {
        guard let stream = Self.allCases.first(where: { $0.word == word && $0 != .control }) else { return nil }
        self = stream
    }
}

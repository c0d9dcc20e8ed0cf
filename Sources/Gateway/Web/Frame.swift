import FoundationEssentials
import Messages
import NIOCore
import Spool

/// What a reader is sent: on the WebSocket a message, in the stream of `frames` a length, a kind and the same bytes
/// (docs/protocol.md §10).
enum Frame: Sendable {
    case text(FrameText)
    case entries(follow: UInt32, log: UInt64, LogReader.Piece)
    case status(id: UInt32, StatusFigure, isBrief: Bool)

    static let entriesHeaderSize = 24

    /// The message's bytes; `room` is kept free before them.
    func bytes(room: Int = 0) throws -> ByteBuffer {
        switch self {
        case .text(let text):
            let json = try JSONEncoder.plain.encode(text)
            var buffer = ByteBufferAllocator().buffer(capacity: room + json.count)
            buffer.writeRepeatingByte(0, count: room)
            buffer.writeBytes(json)
            return buffer
        case .status(let id, let figure, let isBrief):
            let json = figure.json(isBrief: isBrief)
            var buffer = ByteBufferAllocator().buffer(capacity: room + json.count + 48)
            buffer.writeRepeatingByte(0, count: room)
            buffer.writeString("{\"type\":\"status\",\"id\":\(id),\"status\":")
            buffer.writeBytes(json.isEmpty ? Array("null".utf8) : json)
            buffer.writeString("}")
            return buffer
        case .entries(let follow, let log, let piece):
            var buffer = ByteBufferAllocator().buffer(capacity: room + Self.entriesHeaderSize + piece.bytes.count)
            buffer.writeRepeatingByte(0, count: room)
            buffer.writeInteger(1 as UInt32, endianness: .little)
            buffer.writeInteger(follow, endianness: .little)
            buffer.writeInteger(log, endianness: .little)
            buffer.writeInteger(piece.offset, endianness: .little)
            buffer.writeBytes(piece.bytes)
            return buffer
        }
    }

    /// The form of the HTTP stream.
    func streamed() throws -> ByteBuffer {
        var buffer = try bytes(room: 5)
        buffer.setInteger(UInt32(buffer.readableBytes - 5), at: 0, endianness: .little)
        buffer.setInteger(isText ? 1 : 2 as UInt8, at: 4)
        return buffer
    }

    var isText: Bool {
        if case .entries = self { false } else { true }
    }
}

/// A text frame; `id` is the follow's where it belongs to one.
struct FrameText: Encodable, Sendable {
    var type: String
    var id: UInt32?
    var execution: ExecutionView?
    var log: String?
    var offset: UInt64?
    var run: RunView?
    var node: NodeView?
    var nodes: [NodeView]?
    var owner: String?
    /// Absent while the owner is there.
    var ownerAwaySince: Int64?
    var code: String?
    var sentence: String?

    static func refused(_ failure: Failure, id: UInt32?) -> Frame {
        .text(FrameText(type: "error", id: id, code: failure.code.rawValue, sentence: failure.sentence))
    }
}

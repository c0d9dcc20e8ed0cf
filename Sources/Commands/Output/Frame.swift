/// A frame of `GET executions/ID/frames` (docs/protocol.md §10).
enum Frame: Equatable {
    case text([UInt8])
    case binary([UInt8])
}

/// Puts frames together from the pieces in which they come.
struct FrameDecoder {
    /// Longer than any gateway sends: a longer length means that this is no stream of frames.
    static let limit = 64 << 20
    private static let headSize = 5

    private var bytes: [UInt8] = []
    private var start = 0

    mutating func receive(_ more: UnsafeRawBufferPointer) {
        if start > 0, start == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            start = 0
        } else if start > 1 << 20 {
            bytes.removeSubrange(..<start)
            start = 0
        }
        bytes.append(contentsOf: more)
    }

    /// The next whole frame, or nil until more has come.
    mutating func next() throws(CommandError) -> Frame? {
        guard bytes.count - start >= Self.headSize else { return nil }
        let length = (0..<4).reduce(0) { $0 | Int(bytes[start + $1]) << (8 * $1) }
        let kind = bytes[start + 4]
        guard length <= Self.limit else { throw .misunderstood("a frame of \(length) bytes") }
        let end = start + Self.headSize + length
        guard bytes.count >= end else { return nil }
        let content = Array(bytes[(start + Self.headSize)..<end])
        start = end
        switch kind {
        case 1: return .text(content)
        case 2: return .binary(content)
        default: throw .misunderstood("a frame of kind \(kind)")
        }
    }
}

/// What a text frame says.
struct Notice: Decodable {
    var type: String
    var execution: Execution?
    /// The log's id, 16 hex digits.
    var log: String?
    var offset: UInt64?
    var run: Run?
    var owner: String?
    var ownerAwaySince: Int64?
    var code: String?
    var sentence: String?
}

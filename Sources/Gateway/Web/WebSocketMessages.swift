import NIOCore
import NIOWebSocket

/// Joins the frames of one WebSocket into messages and says what is wrong with them (RFC 6455, §5 and §8.1).
///
/// NIOWebSocket decodes frames; it joins none, checks no text and tolerates what needs an extension.
struct WebSocketMessages {
    enum Event: Equatable {
        case text(String)
        case binary(ByteBuffer)
        case ping(ByteBuffer)
        case pong
        /// The peer says goodbye; the same code goes back.
        case closed(WebSocketErrorCode?)
        /// The connection ends with this code.
        case broken(WebSocketErrorCode)
    }

    private let limitBytes: Int
    private var opcode: WebSocketOpcode?
    private var gathered = ByteBuffer()

    init(limitBytes: Int) { self.limitBytes = limitBytes }

    /// Takes a frame as it came; nil while its message is not whole.
    mutating func receive(_ frame: WebSocketFrame) -> Event? {
        guard frame.maskKey != nil, !frame.rsv1, !frame.rsv2, !frame.rsv3 else { return .broken(.protocolError) }
        let data = frame.unmaskedData
        switch frame.opcode {
        case .ping: return .ping(data)
        case .pong: return .pong
        case .connectionClose: return goodbye(data)
        case .text, .binary:
            guard opcode == nil else { return .broken(.protocolError) }
            opcode = frame.opcode
        case .continuation:
            guard opcode != nil else { return .broken(.protocolError) }
        default: return .broken(.protocolError)
        }
        guard gathered.readableBytes + data.readableBytes <= limitBytes else { return .broken(.messageTooLarge) }
        gathered.writeImmutableBuffer(data)
        return frame.fin ? message() : nil
    }

    private mutating func message() -> Event {
        defer {
            opcode = nil
            gathered = ByteBuffer()
        }
        guard opcode == .text else { return .binary(gathered) }
        guard let text = String(validating: gathered.readableBytesView, as: UTF8.self) else {
            return .broken(.dataInconsistentWithMessage)
        }
        return .text(text)
    }

    private func goodbye(_ data: ByteBuffer) -> Event {
        var data = data
        guard data.readableBytes > 0 else { return .closed(nil) }
        guard let code = data.readInteger(as: UInt16.self), Self.maySend(code) else { return .broken(.protocolError) }
        guard String(validating: data.readableBytesView, as: UTF8.self) != nil else {
            return .broken(.dataInconsistentWithMessage)
        }
        return .closed(WebSocketErrorCode(codeNumber: Int(code)))
    }

    /// The codes that may stand in a close frame (RFC 6455, §7.4, and the registry's later 1012-1014).
    private static func maySend(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}

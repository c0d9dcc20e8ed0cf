import NIOCore
import NIOWebSocket
import Testing

@testable import Gateway

@Suite struct WebSocketMessagesTests {
    private let key = WebSocketMaskingKey([1, 2, 3, 4])!

    private func frame(_ opcode: WebSocketOpcode, _ bytes: [UInt8], fin: Bool = true) -> WebSocketFrame {
        var data = ByteBuffer(bytes: bytes)
        data.webSocketMask(key)
        return WebSocketFrame(fin: fin, opcode: opcode, maskKey: key, data: data)
    }

    @Test func `fragments are one message`() {
        var messages = WebSocketMessages(limitBytes: 100)
        #expect(messages.receive(frame(.text, Array("hel".utf8), fin: false)) == nil)
        #expect(messages.receive(frame(.ping, [9])) == .ping(ByteBuffer(bytes: [9])))
        #expect(messages.receive(frame(.continuation, Array("lo".utf8), fin: false)) == nil)
        #expect(messages.receive(frame(.continuation, [])) == .text("hello"))
        #expect(messages.receive(frame(.text, [])) == .text(""))
    }

    @Test func `a character may be split between fragments`() {
        var messages = WebSocketMessages(limitBytes: 100)
        #expect(messages.receive(frame(.text, [0xc3], fin: false)) == nil)
        #expect(messages.receive(frame(.continuation, [0xa9])) == .text("é"))
    }

    @Test(arguments: [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]] as [[UInt8]])
    func `text that is not UTF-8 ends with 1007`(bytes: [UInt8]) {
        var messages = WebSocketMessages(limitBytes: 100)
        #expect(messages.receive(frame(.text, bytes)) == .broken(.dataInconsistentWithMessage))
    }

    @Test func `a message over the limit ends with 1009, in pieces too`() {
        var messages = WebSocketMessages(limitBytes: 10)
        #expect(messages.receive(frame(.binary, [UInt8](repeating: 0, count: 8), fin: false)) == nil)
        #expect(messages.receive(frame(.continuation, [0, 0, 0])) == .broken(.messageTooLarge))
    }

    @Test func `what breaks the protocol ends with 1002`() {
        var unmasked = WebSocketMessages(limitBytes: 10)
        #expect(
            unmasked.receive(WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer())) == .broken(.protocolError))
        var reserved = WebSocketMessages(limitBytes: 10)
        var flagged = frame(.text, [])
        flagged.rsv1 = true
        #expect(reserved.receive(flagged) == .broken(.protocolError))
        var lone = WebSocketMessages(limitBytes: 10)
        #expect(lone.receive(frame(.continuation, [])) == .broken(.protocolError))
        var twice = WebSocketMessages(limitBytes: 10)
        #expect(twice.receive(frame(.text, [], fin: false)) == nil)
        #expect(twice.receive(frame(.text, [])) == .broken(.protocolError))
        var unknown = WebSocketMessages(limitBytes: 10)
        #expect(unknown.receive(frame(WebSocketOpcode(encodedWebSocketOpcode: 3)!, [])) == .broken(.protocolError))
    }

    @Test(arguments: [0, 999, 1004, 1005, 1006, 1016, 2999, 5000])
    func `a close code that may not be sent ends with 1002`(code: UInt16) {
        var messages = WebSocketMessages(limitBytes: 10)
        let bytes = [UInt8(code >> 8), UInt8(code & 255)]
        #expect(messages.receive(frame(.connectionClose, bytes)) == .broken(.protocolError))
    }

    @Test func `a goodbye is answered with its code`() {
        var messages = WebSocketMessages(limitBytes: 10)
        #expect(messages.receive(frame(.connectionClose, [0x03, 0xe8])) == .closed(.normalClosure))
        #expect(messages.receive(frame(.connectionClose, [])) == .closed(nil))
        #expect(messages.receive(frame(.connectionClose, [0x03])) == .broken(.protocolError))
        #expect(
            messages.receive(frame(.connectionClose, [0x03, 0xe8, 0xff])) == .broken(.dataInconsistentWithMessage))
    }
}

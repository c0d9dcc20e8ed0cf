import Foundation
import Messages
import NIOCore
import Testing

@testable import Gateway

/// The WebSocket as a client sees it, byte by byte.
@Suite(.timeLimit(.minutes(2))) struct WebLiveTests {
    private func upgrade(_ web: WebHarness, _ fields: [String]) -> String {
        ([
            "GET /api/v1/live HTTP/1.1", "Host: \(web.host)", "Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ] + fields).joined(separator: "\r\n") + "\r\n\r\n"
    }

    /// A masked frame with the mask 0, which leaves the bytes as they are.
    private func frame(_ first: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        precondition(bytes.count < 65_536)
        let length: [UInt8] =
            bytes.count < 126
            ? [0x80 | UInt8(bytes.count)] : [0x80 | 126, UInt8(bytes.count >> 8), UInt8(bytes.count & 255)]
        return [first] + length + [0, 0, 0, 0] + bytes
    }

    private func talk(_ web: WebHarness, _ frames: [UInt8], until word: String? = nil) async throws -> [UInt8] {
        var sent = ByteBuffer(string: upgrade(web, [web.bearer()]))
        sent.writeBytes(frames)
        let answer = try await web.exchange(
            sent, until: { received in word.map { String(buffer: received).contains($0) } ?? false })
        let bytes = Array(answer.readableBytesView)
        let end = try #require(bytes.firstRange(of: Array("\r\n\r\n".utf8)))
        return Array(bytes[end.upperBound...])
    }

    private func expect(
        _ code: UInt16, _ web: WebHarness, _ frames: [UInt8], at location: SourceLocation = #_sourceLocation
    ) async throws {
        let answer = try await talk(web, frames)
        #expect(answer.starts(with: close(code)), "\(answer.prefix(8))", sourceLocation: location)
    }

    private func close(_ code: UInt16) -> [UInt8] { [0x88, 2, UInt8(code >> 8), UInt8(code & 255)] }

    @Test func `fragments are joined and pings answered between them`() async throws {
        try await WebHarness.run { web in
            let command = Array(#"{"type":"watch","what":"nodes"}"#.utf8)
            let frames = frame(0x01, Array(command[..<5])) + frame(0x89, [7]) + frame(0x80, Array(command[5...]))
            let answer = try await talk(web, frames, until: #""type":"nodes""#)
            #expect(answer.starts(with: [0x8a, 1, 7]))
            #expect(String(decoding: answer, as: UTF8.self).contains("node1"))
        }
    }

    @Test func `what breaks the rules closes with its code`() async throws {
        try await WebHarness.run { web in
            try await expect(1007, web, frame(0x81, [0xff]))
            try await expect(1002, web, [0x81, 2, 65, 65])
            try await expect(1002, web, frame(0xc1, [65]))
            try await expect(1002, web, frame(0x83, [65]))
            try await expect(1002, web, frame(0x88, [0x03, 0xed]))
            try await expect(1000, web, frame(0x88, [0x03, 0xe8]))
            let half = [UInt8](repeating: 65, count: 40_000)
            try await expect(1009, web, frame(0x01, half) + frame(0x80, half))
            try await expect(1009, web, [0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
        }
    }

    @Test func `a flood of pings is cut off`() async throws {
        try await WebHarness.run { web in
            let flood = (0..<1000).flatMap { _ in frame(0x89, []) }
            let answer = try await talk(web, flood)
            #expect(Array(answer.suffix(4)) == close(1008))
        }
    }

    @Test func `nonsense and strangers' executions are errors that leave the socket open`() async throws {
        try await WebHarness.run { web in
            let commands = [
                "nonsense", #"{"type":"follow","id":7,"execution":"\#(ExecutionID.random())"}"#,
                #"{"type":"watch","what":"nodes"}"#,
            ]
            let answer = try await talk(
                web, commands.flatMap { frame(0x81, Array($0.utf8)) }, until: "unknown_execution")
            #expect(String(decoding: answer, as: UTF8.self).contains("bad_request"))
        }
    }

    @Test func `a follow without output tells states and the end and no output`() async throws {
        try await WebHarness.run { web in
            let answer = try await web.ask(
                "POST", "/api/v1/executions", [web.bearer(), "Idempotency-Key: k1"],
                body: #"{"nodes":["node1"],"command":{"line":"true"}}"#)
            let view = try JSONDecoder().decode(ExecutionView.self, from: Data(answer.body.utf8))
            let id = try #require(ExecutionID(view.execution))
            let command = #"{"type":"follow","id":7,"execution":"\#(id)","output":false}"#
            async let all = talk(web, frame(0x81, Array(command.utf8)), until: #""type":"complete""#)
            try await web.core.executions.stop(
                id, nodes: nil, graceMilliseconds: nil,
                by: Identity(user: "ana", uid: 1000, session: [UInt8](repeating: 1, count: 16)))
            let text = String(decoding: try await all, as: UTF8.self)
            for word in ["opened", "cancelled", #""type":"complete""#] { #expect(text.contains(word), "\(word)") }
            #expect(!text.contains("caught-up"))
        }
    }

    @Test func `logging out closes the session's sockets`() async throws {
        try await WebHarness.run { web in
            let token = web.token()
            let began = ContinuousClock.now
            let sent = ByteBuffer(string: upgrade(web, [web.bearer(token)]))
            async let open = web.exchange(sent, seconds: 20)
            _ = try await web.exchange(sent, until: { $0.readableBytes > 0 })
            try await web.expect(204, "POST", "/api/v1/logout", [web.bearer(token)], body: "")
            _ = try await open
            #expect(ContinuousClock.now - began < .seconds(3))
        }
    }
}

import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import Gateway

@Suite(.timeLimit(.minutes(1))) struct WebUploadTests {
    private func head(_ web: WebHarness, _ fields: String) -> String {
        "POST /api/v1/blobs HTTP/1.1\r\nHost: \(web.host)\r\n\(web.bearer())\r\nConnection: close\r\n\(fields)\r\n\r\n"
    }

    /// The files below the blob folder.
    private func files(_ web: WebHarness) throws -> [String] {
        let folder = web.folder + "/data/blobs"
        return try FileManager.default.subpathsOfDirectory(atPath: folder).filter { path in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(folder)/\(path)", isDirectory: &isFolder)
                && !isFolder.boolValue
        }
    }

    @Test func `an upload is a blob, whatever its framing`() async throws {
        try await WebHarness.run { web in
            let whole = try await web.exchange(ByteBuffer(string: head(web, "Content-Length: 5") + "hello"))
            let chunked = head(web, "Transfer-Encoding: chunked") + "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
            let pieces = try await web.exchange(ByteBuffer(string: chunked))
            let (first, second) = (WebHarness.Answer(whole), WebHarness.Answer(pieces))
            #expect(first.status == 201)
            #expect(first.body.contains(#""size":5"#))
            #expect(second.status == 201)
            #expect(second.body.count == first.body.count)
        }
    }

    /// The server removes what it began a moment after it has answered.
    private func waitUntilNothingIsLeft(_ web: WebHarness) async throws {
        try await eventually("the end of the upload's files") { try files(web).isEmpty }
    }

    @Test func `an upload that is cut off leaves nothing`() async throws {
        try await WebHarness.run { web in
            let part = String(repeating: "x", count: 3 << 20)
            let sent = ByteBuffer(string: head(web, "Content-Length: 7000000") + part)
            _ = try await web.exchange(sent, seconds: 1)
            try await waitUntilNothingIsLeft(web)
        }
    }

    @Test func `chunks beyond the limit are refused and removed`() async throws {
        try await WebHarness.run { web in
            let chunk = "100000\r\n" + String(repeating: "x", count: 1 << 20) + "\r\n"
            let sent = head(web, "Transfer-Encoding: chunked") + String(repeating: chunk, count: 9) + "0\r\n\r\n"
            #expect(WebHarness.Answer(try await web.exchange(ByteBuffer(string: sent))).status == 413)
            try await waitUntilNothingIsLeft(web)
        }
    }

    @Test func `the root helper is asked, and its answer taken`() async throws {
        let path = NSTemporaryDirectory() + "estiba-helper-\(UUID().uuidString.prefix(8))"
        let group = MultiThreadedEventLoopGroup.singleton
        let helper = try await ServerBootstrap(group: group).bind(unixDomainSocketPath: path) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                try await helper.executeThenClose { connections in
                    for try await connection in connections {
                        try await connection.executeThenClose { inbound, outbound in
                            for try await line in inbound {
                                let isRight = String(buffer: line).contains(#""password":"right""#)
                                let answer = isRight ? #"{"ok":true,"user":"ana","uid":1000}"# : #"{"ok":false}"#
                                try await outbound.write(ByteBuffer(string: answer + "\n"))
                                break
                            }
                        }
                    }
                }
            }
            let check = PasswordCheck(socket: path, group: group)
            let account = try await check.ask(.init(user: "ana", password: "right", address: "::1"))
            #expect(account?.uid == 1000)
            #expect(try await check.ask(.init(user: "ana", password: "wrong", address: "::1")) == nil)
            tasks.cancelAll()
        }
        let absent = PasswordCheck(socket: path + "x", group: group)
        await #expect(throws: (any Error).self) { try await absent.ask(.init(user: "a", password: "b", address: "")) }
    }

    @Test(arguments: [
        ("", "x"), ("ana\n", "x"), ("-ana", "x"), ("ana ", "x"), ("ana\u{0}", "x"), ("ana", ""), ("ana", "real\u{0}x"),
    ])
    func `PAM is not asked about what can be nobody's`(user: String, password: String) {
        #expect(!PasswordCheck.isPlausible(user: user, password: password))
    }
}

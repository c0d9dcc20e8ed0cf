import Foundation
import Messages
import NIOCore
import Spool
import Testing

@testable import Gateway

/// Readers of an execution whose node is away and whose log the test writes.
@Suite(.timeLimit(.minutes(2))) struct WebOutputTests {
    private struct Started {
        let id: ExecutionID
        let writer: LogWriter
    }

    private func start(_ web: WebHarness) async throws -> Started {
        let body = #"{"nodes":["node1"],"command":{"line":"true"}}"#
        let answer = try await web.ask(
            "POST", "/api/v1/executions", [web.bearer(), "Idempotency-Key: k1"], body: body)
        #expect(answer.status == 202, "\(answer.body)")
        let view = try JSONDecoder().decode(ExecutionView.self, from: Data(answer.body.utf8))
        let id = try #require(ExecutionID(view.execution))
        return Started(id: id, writer: try LogWriter(continuing: web.core.logs.path(of: id)))
    }

    private func write(_ text: String, times: Int = 1, _ started: Started, _ web: WebHarness) throws {
        for time in 0..<times {
            let record = Record.bytes(.stdout, Array(text.utf8), timeNanoseconds: UInt64(time))
            record.withUnsafeBytes { started.writer.append(run: 0, records: $0, timeNanoseconds: 1) }
        }
        try started.writer.flush()
        web.core.logs.lengthened(started.id, to: LogEnd(offset: started.writer.end, isComplete: false))
    }

    @Test func `an execution is its user's alone`() async throws {
        try await WebHarness.run { web in
            let started = try await start(web)
            let path = "/api/v1/executions/\(started.id)"
            let missing = "/api/v1/executions/\(ExecutionID.random())"
            try await web.expect(200, "GET", path, [web.bearer()])
            for tail in ["", "/frames", "/output", "/raw?node=node1"] {
                let foreign = try await web.ask("GET", path + tail, [web.bearer(web.token(user: "bob", uid: 1001))])
                let absent = try await web.ask("GET", missing + tail, [web.bearer()])
                #expect(foreign.status == 404)
                #expect(foreign.status == absent.status)
                #expect(foreign.body.count == absent.body.count, "\(foreign.body) \(absent.body)")
            }
            let stop = try await web.ask(
                "POST", path + "/stop", [web.bearer(web.token(user: "bob", uid: 1001))], body: "{}")
            #expect(stop.status == 404)
        }
    }

    @Test func `bad requests are refused with a code`() async throws {
        try await WebHarness.run { web in
            for (body, code) in [
                (#"{"nodes":[]}"#, "no_nodes"), (#"{"nodes":["nobody"],"command":{"line":"true"}}"#, "unknown_node"),
                ("nonsense", "bad_request"), (#"{"nodes":["node1"],"command":{"line":"a 'b"}}"#, "bad_command"),
            ] {
                let answer = try await web.ask("POST", "/api/v1/executions", [web.bearer()], body: body)
                #expect(answer.status == 400, "\(body)")
                #expect(answer.body.contains("\"\(code)\""), "\(answer.body)")
            }
        }
    }

    @Test func `the raw bytes are the bytes, and lines are records`() async throws {
        try await WebHarness.run { web in
            let started = try await start(web)
            try write("one\ntwo", started, web)
            try write("\u{0}<b>\u{1b}[31m", started, web)
            let path = "/api/v1/executions/\(started.id)"
            let raw = try await web.ask("GET", path + "/raw?node=node1", [web.bearer()])
            #expect(raw.status == 200)
            #expect(raw.body.contains("one\ntwo"))
            let lines = try await web.ask("GET", path + "/output", [web.bearer()])
            #expect(lines.body.contains(#""text":"one\ntwo""#))
            #expect(lines.body.contains(#""node":"node1""#))
            try await web.expect(400, "GET", path + "/raw", [web.bearer()])
            try await web.expect(409, "GET", path + "/frames?offset=99999", [web.bearer()])
            try await web.expect(400, "GET", path + "/frames?offset=x", [web.bearer()])
        }
    }

    @Test func `seven megabytes come at once through frames`() async throws {
        try await WebHarness.run { web in
            let started = try await start(web)
            try write(String(repeating: "0123456\n", count: 4096), times: 215, started, web)
            let head =
                "GET /api/v1/executions/\(started.id)/frames HTTP/1.1\r\nHost: \(web.host)\r\n\(web.bearer())\r\n"
            let began = ContinuousClock.now
            let answer = try await web.exchange(ByteBuffer(string: head + "Connection: close\r\n\r\n"))
            print("frames: \(answer.readableBytes) bytes in \(ContinuousClock.now - began)")
            #expect(answer.readableBytes > 215 * 32768)
            #expect(String(buffer: answer).contains(#""type":"complete""#))
        }
    }

    @Test func `a follower gets what comes and the end`() async throws {
        try await WebHarness.run { web in
            let started = try await start(web)
            try write("first", started, web)
            let head = "GET /api/v1/executions/\(started.id)/frames?follow=true HTTP/1.1\r\nHost: \(web.host)\r\n"
            let sent = ByteBuffer(string: head + web.bearer() + "\r\nConnection: close\r\n\r\n")
            async let all = web.exchange(sent)
            try write("second", started, web)
            try await web.core.executions.stop(
                started.id, nodes: nil, graceMilliseconds: nil,
                by: Identity(user: "ana", uid: 1000, session: [UInt8](repeating: 1, count: 16)))
            let text = String(buffer: try await all)
            for word in ["opened", "first", "second", "caught-up", "cancelled", #""type":"complete""#] {
                #expect(text.contains(word), "\(word)")
            }
        }
    }

    @Test func `logging out ends an open follow`() async throws {
        try await WebHarness.run { web in
            let started = try await start(web)
            let token = web.token()
            let head = "GET /api/v1/executions/\(started.id)/frames?follow=true HTTP/1.1\r\nHost: \(web.host)\r\n"
            let sent = ByteBuffer(string: head + web.bearer(token) + "\r\n\r\n")
            let began = ContinuousClock.now
            async let all = web.exchange(sent, seconds: 20)
            // Until it is answered once, the follow may not be open yet.
            _ = try await web.exchange(sent, until: { String(buffer: $0).contains("caught-up") })
            try await web.expect(204, "POST", "/api/v1/logout", [web.bearer(token)], body: "")
            _ = try await all
            #expect(ContinuousClock.now - began < .seconds(5))
        }
    }
}

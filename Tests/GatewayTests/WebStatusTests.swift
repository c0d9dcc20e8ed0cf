import Foundation
import Messages
import NIOCore
import SwiftProtobuf
import Testing

@testable import Gateway

/// `status` and `stop` as an HTTP client sees them, at a gateway whose one node is away.
@Suite(.timeLimit(.minutes(1))) struct WebStatusTests {
    @Test func `a node that is away is a line without figures, at once`() async throws {
        try await WebHarness.run { web in
            let answer = try await web.ask("GET", "/api/v1/status", [web.bearer()])
            #expect(answer.status == 200 && answer.fields["content-type"] == "application/x-ndjson")
            #expect(answer.body.contains(#"{"node":"node1","present":false}"#))
        }
    }

    @Test func `strange nodes, strangers and nonsense are refused`() async throws {
        try await WebHarness.run { web in
            try await web.expect(401, "GET", "/api/v1/status")
            try await web.expect(401, "POST", "/api/v1/stop", body: "{}")
            let strange = try await web.ask("GET", "/api/v1/status?nodes=node1,node2", [web.bearer()])
            #expect(strange.status == 400 && strange.body.contains("unknown_node") && strange.body.contains("node2"))
            try await web.expect(400, "GET", "/api/v1/status?milliseconds=often", [web.bearer()])
            try await web.expect(400, "POST", "/api/v1/stop", [web.bearer()], body: "{}")
            try await web.expect(400, "POST", "/api/v1/stop", [web.bearer()], body: #"{"nodes":["node2"]}"#)
            let none = try await web.ask("POST", "/api/v1/stop", [web.bearer()], body: #"{"nodes":[]}"#)
            #expect(none.status == 400 && none.body.contains("no_nodes"))
            let nothing = try await web.ask("POST", "/api/v1/stop", [web.bearer()], body: #"{"nodes":["node1"]}"#)
            #expect(nothing.status == 202 && nothing.body.contains(#"{"stopping":[]}"#))
        }
    }

    @Test func `followed figures come as lines, and the interest ends with the connection`() async throws {
        try await WebHarness.run { web in
            let node = try #require(NodeName("node1"))
            let request =
                "GET /api/v1/status?follow=true HTTP/1.1\r\nHost: \(web.host)\r\n\(web.bearer())\r\n\r\n"
            async let answered = web.exchange(
                ByteBuffer(string: request), until: { String(buffer: $0).contains(#""hostname":"here""#) })
            try await eventually("the interest in the node") { !web.core.statuses.prefixes.isEmpty }
            let body: [UInt8] = try WireStatus.with { $0.hostname = "here" }.serializedBytes()
            web.core.statuses.receive(topic: Topic.status(node).bytes, body)
            let answer = try await answered
            #expect(String(buffer: answer).contains(#"{"node":"node1","present":true,"status":{"#))
            try await eventually("the end of the interest") { web.core.statuses.prefixes.isEmpty }
        }
    }
}

import Bus
import Foundation
import HTTPTypes
import NIOCore
import Sodium
import Testing

@testable import Gateway

@Suite(.timeLimit(.minutes(2))) struct WebServerTests {
    @Test func `without a login every route but the open ones is refused`() async throws {
        try await WebHarness.run { web in
            for route in RouteTable.routes {
                let path = route.path
                    .replacingOccurrences(of: "{execution}", with: "01234567890123456789ABCDEF")
                    .replacingOccurrences(of: "{path...}", with: "")
                let answer = try await web.ask(route.method.rawValue, path, body: route.isUnsafe ? "{}" : nil)
                switch route.access {
                case .loggedIn: #expect(answer.status == 401, "\(route.method) \(path)")
                case .anyone: #expect(answer.status != 0 && answer.status < 500, "\(route.method) \(path)")
                }
                #expect(answer.fields["content-security-policy"]?.contains("default-src 'none'") == true)
                #expect(answer.fields["x-content-type-options"] == "nosniff")
                #expect(answer.fields["referrer-policy"] == "no-referrer")
                if path.hasPrefix("/api") { #expect(answer.fields["cache-control"] == "no-store") }
            }
        }
    }

    @Test func `health says nothing of anybody`() async throws {
        try await WebHarness.run { web in
            let answer = try await web.ask("GET", "/health")
            #expect(answer.status == 200)
            #expect(answer.body == #"{"status":"ok"}"#)
        }
    }

    @Test func `a token lets in, by header and by cookie`() async throws {
        try await WebHarness.run { web in
            let byHeader = try await web.ask("GET", "/api/v1/whoami", [web.bearer()])
            #expect(byHeader.status == 200)
            #expect(byHeader.body.contains(#""user":"ana""#))
            try await web.expect(200, "GET", "/api/v1/whoami", [web.cookie()])
            try await web.expect(200, "HEAD", "/api/v1/whoami", [web.cookie()])
        }
    }

    @Test func `a cookie with any bit flipped is refused`() async throws {
        try await WebHarness.run { web in
            let good = Array(web.token().utf8)
            let key = LoginToken.key(authoritySecret: web.authority.secretKey)
            #expect(LoginToken.open(String(decoding: good, as: UTF8.self), key: key) != nil)
            let gate = Gate(
                hosts: HostRules(address: "127.0.0.1", port: web.port), instance: "test",
                authoritySecret: web.authority.secretKey)
            for bit in 0..<good.count * 8 {
                var bad = good
                bad[bit / 8] ^= 1 << (bit % 8)
                // All of them at the gate; those that a client can put into a header over the wire as well.
                var facts = RequestFacts(.init(method: .get, scheme: nil, authority: web.host, path: "/"))
                facts.cookies = ["__Host-estiba-test=\(String(decoding: bad, as: UTF8.self))"]
                #expect(throws: Refusal.self) { try gate.admit(facts) }
                guard bit % 8 < 2, bad.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { continue }
                let text = String(decoding: bad, as: UTF8.self)
                try await web.expect(401, "GET", "/api/v1/whoami", [web.cookie(text)])
            }
        }
    }

    @Test func `an old session and a ticket-like token are refused`() async throws {
        try await WebHarness.run { web in
            let old = web.token(ageMilliseconds: 31 * 60_000)
            try await web.expect(401, "GET", "/api/v1/whoami", [web.bearer(old)])
            try await web.expect(401, "GET", "/api/v1/whoami", [web.bearer(web.token() + "=")])
            try await web.expect(401, "GET", "/api/v1/whoami", [web.bearer("")])
            try await web.expect(401, "GET", "/api/v1/whoami", [web.cookie() + "; " + "__Host-estiba-test=x"])
        }
    }

    @Test func `a cookie six minutes old is answered with a new one`() async throws {
        try await WebHarness.run { web in
            let token = web.token(ageMilliseconds: 6 * 60_000)
            let answer = try await web.ask("GET", "/api/v1/whoami", [web.cookie(token)])
            let cookie = answer.fields["set-cookie"] ?? ""
            #expect(cookie.hasPrefix("__Host-estiba-test="))
            #expect(cookie.hasSuffix("; Path=/; Secure; HttpOnly; SameSite=Strict"))
            let fresh = String(cookie.dropFirst("__Host-estiba-test=".count).prefix { $0 != ";" })
            #expect(fresh != token)
            try await web.expect(200, "GET", "/api/v1/whoami", [web.cookie(fresh)])
            let bearer = try await web.ask("GET", "/api/v1/whoami", [web.bearer(token)])
            #expect(bearer.fields["set-cookie"] == nil)
            try await web.expect(200, "GET", "/api/v1/whoami", [web.bearer(bearer.fields["estiba-token"] ?? "")])
        }
    }

    @Test func `a change by cookie needs our origin and our mark`() async throws {
        try await WebHarness.run { web in
            let mark = "X-Estiba: 1"
            let ours = "Origin: \(web.origin)"
            for fields in [
                [mark], ["Origin: null", mark], ["Origin: http://127.0.0.1:1", mark],
                ["Origin: https://\(web.host)", mark],
                [ours],
            ] {
                let answer = try await web.ask("POST", "/api/v1/logout", [web.cookie()] + fields, body: "")
                #expect(answer.status == 403, "\(fields)")
            }
            let foreign = try await web.ask("POST", "/api/v1/login", ["Origin: http://evil.example"], body: "{}")
            #expect(foreign.status == 403)
            try await web.expect(204, "POST", "/api/v1/logout", [web.cookie(), ours, mark], body: "")
        }
    }

    @Test func `logging out ends the session for all its tokens`() async throws {
        try await WebHarness.run { web in
            let token = web.token()
            try await web.expect(200, "GET", "/api/v1/whoami", [web.bearer(token)])
            try await web.expect(204, "POST", "/api/v1/logout", [web.bearer(token)], body: "")
            try await web.expect(401, "GET", "/api/v1/whoami", [web.bearer(token)])
        }
    }

    @Test func `a one-time code logs in once`() async throws {
        try await WebHarness.run { web in
            let code = Hex.encode(Random.bytes(16))
            let name = Hex.encode(Blake2b.hash(Array(code.utf8)))
            try Data("0 root\n".utf8).write(to: URL(fileURLWithPath: "\(web.folder)/codes/\(name)"))
            let first = try await web.ask("POST", "/api/v1/login/code", body: #"{"code":"\#(code)"}"#)
            #expect(first.status == 200)
            #expect(first.body.contains(#""user":"root""#))
            #expect(first.fields["set-cookie"]?.contains("SameSite=Strict") == true)
            let second = try await web.ask("POST", "/api/v1/login/code", body: #"{"code":"\#(code)"}"#)
            #expect(second.status == 401)
        }
    }

    @Test func `strange requests are refused, each in its way`() async throws {
        try await WebHarness.run { web in
            try await web.expect(421, "GET", "/health", host: "evil.example")
            try await web.expect(405, "TRACE", "/health")
            try await web.expect(400, "GET", "http://\(web.host)/health")
            try await web.expect(400, "CONNECT", "\(web.host)")
            try await web.expect(405, "GET", "/api/v1/login")
            try await web.expect(404, "GET", "/api/v1/none")
            try await web.expect(400, "GET", "/..%2fetc/passwd")
            try await web.expect(404, "GET", "/none.js")
            try await web.expect(431, "GET", "/health", ["X: " + String(repeating: "x", count: 100_000)])
            let many = (0..<10_000).map { "X-\($0): 1" }
            try await web.expect(431, "GET", "/health", many)
            let packed = try await web.ask("POST", "/api/v1/login", ["Content-Encoding: gzip"], body: "{}")
            #expect(packed.status == 415)
            let nonsense = Answer(try await web.exchange(ByteBuffer(string: "nonsense\r\n\r\n")))
            #expect(nonsense.status == 400)
        }
    }

    private typealias Answer = WebHarness.Answer

    @Test func `a body over the limit is refused before it is sent`() async throws {
        try await WebHarness.run { web in
            let head = """
                POST /api/v1/blobs HTTP/1.1\r\nHost: \(web.host)\r\n\(web.bearer())\r\nExpect: 100-continue\r\n\
                Content-Length: 99999999\r\n\r\n
                """
            let announced = Answer(try await web.exchange(ByteBuffer(string: head)))
            #expect(announced.status == 413)
            let wish = head.replacingOccurrences(of: "blobs", with: "executions")
            let refused = Answer(try await web.exchange(ByteBuffer(string: wish)))
            #expect(refused.status == 413)
            let big = String(repeating: "x", count: 70_000)
            try await web.expect(413, "POST", "/api/v1/login", body: big)
        }
    }

    @Test func `a declined upgrade is answered as the request it is`() async throws {
        try await WebHarness.run { web in
            let upgrade = [
                "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            ]
            func expect(_ status: Int, _ fields: [String]) async throws {
                let lines =
                    ["GET /api/v1/live HTTP/1.1", "Host: \(web.host)", "Connection: Upgrade"] + upgrade + fields
                let sent = ByteBuffer(string: lines.joined(separator: "\r\n") + "\r\n\r\n")
                let answer = Answer(try await web.exchange(sent, seconds: 1))
                #expect(answer.status == status, "\(fields)")
            }
            try await expect(401, [])
            try await expect(401, [web.cookie("x"), "Origin: \(web.origin)"])
            try await expect(403, [web.cookie()])
            try await expect(403, [web.cookie(), "Origin: null"])
            try await expect(403, [web.cookie(), "Origin: http://127.0.0.1:1"])
            try await expect(101, [web.cookie(), "Origin: \(web.origin)"])
            try await expect(101, [web.bearer()])
            try await web.expect(426, "GET", "/api/v1/live", [web.bearer()])
        }
    }
}

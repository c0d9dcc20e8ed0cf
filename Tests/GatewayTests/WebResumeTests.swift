import Foundation
import NIOCore
import Testing

@testable import Gateway

@Suite(.timeLimit(.minutes(1))) struct WebResumeTests {
    private func begin(_ web: WebHarness, size: Int) async throws -> UploadView {
        let answer = try await web.ask("POST", "/api/v1/uploads", [web.bearer()], body: #"{"size":\#(size)}"#)
        #expect(answer.status == 201)
        return try view(answer)
    }

    private func view(_ answer: WebHarness.Answer) throws -> UploadView {
        try JSONDecoder().decode(UploadView.self, from: Data(answer.body.utf8))
    }

    private func path(_ upload: UploadView) throws -> String { "/api/v1/uploads/\(try #require(upload.upload))" }

    private func patch(_ web: WebHarness, _ path: String, _ offset: Int, _ fields: String) -> String {
        "PATCH \(path)?offset=\(offset) HTTP/1.1\r\nHost: \(web.host)\r\n\(web.bearer())\r\nConnection: close\r\n"
            + fields + "\r\n\r\n"
    }

    @Test func `an upload in two pieces is a blob, and is remembered as one`() async throws {
        try await WebHarness.run { web in
            let upload = try await begin(web, size: 10)
            let path = try path(upload)
            let first = try await web.ask("PATCH", path + "?offset=0", [web.bearer()], body: "hello")
            #expect(first.status == 200)
            #expect(try view(first).offset == 5)
            let second = try await web.ask("PATCH", path + "?offset=5", [web.bearer()], body: "world")
            #expect(second.status == 201)
            let whole = try await web.ask("POST", "/api/v1/blobs", [web.bearer()], body: "helloworld")
            #expect(whole.body == second.body)
            #expect(try view(try await web.ask("GET", path, [web.bearer()])).blob == view(second).blob)
        }
    }

    @Test func `a wrong offset is answered by the right one`() async throws {
        try await WebHarness.run { web in
            let path = try path(try await begin(web, size: 10))
            _ = try await web.ask("PATCH", path + "?offset=0", [web.bearer()], body: "abc")
            let answer = try await web.ask("PATCH", path + "?offset=7", [web.bearer()], body: "xyz")
            #expect(answer.status == 409)
            #expect(answer.body.contains(#""code":"conflict","offset":3"#))
            try await web.expect(400, "PATCH", path, [web.bearer()], body: "xyz")
            try await web.expect(413, "PATCH", path + "?offset=3", [web.bearer()], body: "12345678")
            #expect(try view(try await web.ask("GET", path, [web.bearer()])).offset == 3)
        }
    }

    @Test func `a body that is cut off is kept as far as it came`() async throws {
        try await WebHarness.run { web in
            let path = try path(try await begin(web, size: 7_000_000))
            let part = String(repeating: "x", count: 3 << 20)
            let sent = ByteBuffer(string: patch(web, path, 0, "Content-Length: 7000000") + part)
            _ = try await web.exchange(sent, seconds: 1)
            try await eventually("an upload that nobody has") {
                try await web.ask("PATCH", path + "?offset=\(3 << 20)", [web.bearer()], body: "").status == 200
            }
            let rest = String(repeating: "x", count: 7_000_000 - 3 << 20)
            try await web.expect(201, "PATCH", path + "?offset=\(3 << 20)", [web.bearer()], body: rest)
        }
    }

    @Test func `of two connections at one upload the second is told to wait`() async throws {
        try await WebHarness.run { web in
            let path = try path(try await begin(web, size: 1000))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let half = patch(web, path, 0, "Content-Length: 1000") + String(repeating: "x", count: 500)
                    _ = try await web.exchange(ByteBuffer(string: half), seconds: 30)
                }
                // Within the time that the first one stays.
                try await eventually("the first half", within: .seconds(25)) {
                    try view(try await web.ask("GET", path, [web.bearer()])).offset == 500
                }
                let answer = try await web.ask("PATCH", path + "?offset=500", [web.bearer()], body: "y")
                #expect(answer.status == 409)
                #expect(answer.body.contains(#""code":"busy""#))
                group.cancelAll()
            }
        }
    }

    @Test func `others find nothing, and limits hold before any byte`() async throws {
        try await WebHarness.run { web in
            let path = try path(try await begin(web, size: 10))
            let ben = web.bearer(web.token(user: "ben", uid: 1001))
            for (method, query) in [("GET", ""), ("PATCH", "?offset=0"), ("DELETE", "")] {
                let answer = try await web.ask(method, path + query, [ben], body: method == "PATCH" ? "x" : nil)
                #expect(answer.status == 404)
                #expect(answer.body.contains(#""code":"unknown_upload""#))
            }
            try await web.expect(404, "GET", "/api/v1/uploads/nonsense", [web.bearer()])
            try await web.expect(413, "POST", "/api/v1/uploads", [web.bearer()], body: #"{"size":8388609}"#)
            for body in [#"{"size":-1}"#, #"{"size":5,"list":"="}"#, #"{"size":5,"list":"AAAA"}"#, "{}"] {
                try await web.expect(400, "POST", "/api/v1/uploads", [web.bearer()], body: body)
            }
            try await web.expect(204, "DELETE", path, [web.bearer()])
            try await web.expect(404, "GET", path, [web.bearer()])
        }
    }
}

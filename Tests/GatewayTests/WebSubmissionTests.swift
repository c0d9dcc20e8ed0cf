import Foundation
import Messages
import Testing

@testable import Gateway

@Suite(.timeLimit(.minutes(1))) struct WebSubmissionTests {
    private func decode<Value: Decodable>(_ answer: WebHarness.Answer) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(answer.body.utf8))
    }

    private func run(_ words: String) -> String { #"{"nodes":["node1"],"command":{"arguments":["\#(words)"]}}"# }

    @Test func `several executions are one submission, once for a key`() async throws {
        try await WebHarness.run { web in
            let body = #"{"executions":[\#(run("one")),\#(run("two"))]}"#
            let fields = [web.bearer(), "Idempotency-Key: k"]
            let first = try await web.ask("POST", "/api/v1/submissions", fields, body: body)
            #expect(first.status == 202)
            let made: SubmissionView = try decode(first)
            #expect(made.executions.map(\.command) == ["one", "two"])
            #expect(made.executions.allSatisfy { $0.submission == made.submission })
            #expect(Set(made.executions.map(\.execution)).count == 2)
            let again = try await web.ask("POST", "/api/v1/submissions", fields, body: body)
            #expect(again.status == 200)
            let same: SubmissionView = try decode(again)
            #expect(same.executions.map(\.execution) == made.executions.map(\.execution))
            let other = #"{"executions":[\#(run("one"))]}"#
            try await web.expect(409, "POST", "/api/v1/submissions", fields, body: other)
            try await web.expect(409, "POST", "/api/v1/executions", fields, body: run("one"))
        }
    }

    @Test func `one that is wrong refuses all, and is named`() async throws {
        try await WebHarness.run { web in
            let wrong = #"{"executions":[\#(run("one")),{"nodes":["node9"],"command":{"line":"x"}}]}"#
            let answer = try await web.ask("POST", "/api/v1/submissions", [web.bearer()], body: wrong)
            #expect(answer.status == 400)
            #expect(answer.body.contains("Execution 2 of 2"))
            #expect(answer.body.contains(#""nodes":["node9"]"#))
            let list = try await web.ask("GET", "/api/v1/executions", [web.bearer()])
            #expect(list.body == #"{"executions":[]}"#)
            #expect(try FileManager.default.contentsOfDirectory(atPath: web.folder + "/data/logs").isEmpty)
            try await web.expect(429, "POST", "/api/v1/submissions", [web.bearer()], body: #"{"executions":[]}"#)
            let many = Array(repeating: run("x"), count: 101).joined(separator: ",")
            try await web.expect(
                429, "POST", "/api/v1/submissions", [web.bearer()], body: #"{"executions":[\#(many)]}"#)
        }
    }

    @Test func `a rollback asks for what was kept, and for nothing else`() async throws {
        try await WebHarness.run { web in
            let blob: UploadView = try decode(try await web.ask("POST", "/api/v1/blobs", [web.bearer()], body: "x"))
            let text = try #require(blob.blob)
            let files =
                #"[{"blob":"\#(text)","name":"a","folder":"bin","keepPrevious":true},{"blob":"\#(text)","name":"b"}]"#
            let deployed: ExecutionView = try decode(
                try await web.ask(
                    "POST", "/api/v1/executions", [web.bearer()], body: #"{"nodes":["node1"],"files":\#(files)}"#))
            let path = "/api/v1/executions/\(deployed.execution)/rollback"
            let answer = try await web.ask("POST", path, [web.bearer(), "Idempotency-Key: r"])
            #expect(answer.status == 202)
            let back: ExecutionView = try decode(answer)
            #expect(back.request?.files == [.init(name: "a", folder: "bin", restore: deployed.execution)])
            #expect(back.files.map(\.name) == ["a"])
            try await web.expect(200, "POST", path, [web.bearer(), "Idempotency-Key: r"])
            try await web.expect(400, "POST", path, [web.bearer()], body: #"{"nodes":["node2"]}"#)
            let ben = web.bearer(web.token(user: "ben", uid: 1001))
            try await web.expect(404, "POST", path, [ben])
            let plain: ExecutionView = try decode(
                try await web.ask("POST", "/api/v1/executions", [web.bearer()], body: run("x")))
            let refused = try await web.ask("POST", "/api/v1/executions/\(plain.execution)/rollback", [web.bearer()])
            #expect(refused.status == 409)
            #expect(refused.body.contains(#""code":"nothing_kept""#))
        }
    }
}

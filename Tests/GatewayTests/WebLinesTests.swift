import Foundation
import Messages
import Spool
import Testing

@testable import Gateway

/// Windows, searches and texts over HTTP, of an execution whose log the test writes.
@Suite(.timeLimit(.minutes(2))) struct WebLinesTests {
    private struct Started {
        let id: ExecutionID
        let writer: LogWriter
        var path: String { "/api/v1/executions/\(id)" }
    }

    private struct Lines: Decodable {
        struct One: Decodable {
            var run: Int
            var stream: String?
            var time: Double?
            var text: String?
            var base64: String?
            var cut: Bool?
        }
        var from: Int
        var total: Int
        var lines: [One]
        var open: [One]?
    }

    private struct Found: Decodable {
        var matches: [Int]
        var done: Bool?
        var more: Bool?
    }

    private func start(_ web: WebHarness) async throws -> Started {
        let body = #"{"nodes":["node1"],"command":{"line":"true"}}"#
        let answer = try await web.ask("POST", "/api/v1/executions", [web.bearer()], body: body)
        let view = try JSONDecoder().decode(ExecutionView.self, from: Data(answer.body.utf8))
        let id = try #require(ExecutionID(view.execution))
        return Started(id: id, writer: try LogWriter(continuing: web.core.logs.path(of: id)))
    }

    private func write(_ bytes: [UInt8], of stream: Spool.Stream = .stdout, _ started: Started) throws {
        Record.bytes(stream, bytes, timeNanoseconds: 5_000_000).withUnsafeBytes {
            started.writer.append(run: 0, records: $0, timeNanoseconds: 1)
        }
        try started.writer.flush()
    }

    private func lines(_ query: String, _ started: Started, _ web: WebHarness) async throws -> Lines {
        let answer = try await web.ask("GET", started.path + "/lines?" + query, [web.bearer()])
        #expect(answer.status == 200, "\(query): \(answer.body)")
        return try JSONDecoder().decode(Lines.self, from: Data(answer.body.utf8))
    }

    @Test func `a window is asked for by number, the end by none, and what has no newline comes last`() async throws {
        try await WebHarness.run { web in
            let started = try await start(web)
            try write(Array((0..<1000).map { "line \($0)\n" }.joined().utf8), started)
            try write(Array("warned\nhalf".utf8), of: .stderr, started)
            let middle = try await lines("from=500&count=3", started, web)
            #expect(middle.total == 1001 && middle.from == 500)
            #expect(middle.lines.map(\.text) == ["line 500", "line 501", "line 502"])
            #expect(middle.lines.map(\.stream) == ["stdout", "stdout", "stdout"])
            #expect(middle.lines.first?.time == 5 && middle.open == nil)
            let end = try await lines("count=2", started, web)
            #expect(end.from == 999 && end.lines.map(\.text) == ["line 999", "warned"])
            #expect(end.open?.map(\.text) == ["half"])
            let errors = try await lines("stream=stderr&node=node1", started, web)
            #expect(errors.total == 1 && errors.lines.map(\.text) == ["warned"])
            let few = try await lines("from=2000&count=2", started, web)
            #expect(few.lines.isEmpty && few.total == 1001)
            try write(Array(" whole\n".utf8), of: .stderr, started)
            let after = try await lines("count=1&runs=0", started, web)
            #expect(after.total == 1002 && after.lines.map(\.text) == ["half whole"] && after.open?.isEmpty == true)
        }
    }

    @Test func `bytes that are no text come as base64, and a long line is cut between characters`() async throws {
        try await WebHarness.run { web in
            let started = try await start(web)
            try write([0x61, 0xFF, 10], started)
            try write(Array(("x" + String(repeating: "€", count: 5000) + "\n").utf8), started)
            let found = try await lines("from=0", started, web)
            #expect(found.lines.first?.base64 == Data([0x61, 0xFF]).base64EncodedString())
            #expect(found.lines.last?.cut == true)
            #expect(found.lines.last?.text == "x" + String(repeating: "€", count: 2730))
        }
    }

    @Test func `a search says the numbers of lines, and text is the whole with its nodes`() async throws {
        try await WebHarness.run { web in
            let started = try await start(web)
            try write(Array("one\nTwo\nthree\ntwo".utf8), started)
            for (query, expected) in [
                ("q=two", [1, 3]), ("q=two&case=true", [3]), ("q=%5Et.*e$&regex=true", [2]), ("q=t&most=1", [1]),
            ] {
                let answer = try await web.ask("GET", started.path + "/search?" + query, [web.bearer()])
                let found = try answer.body.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("{") }
                    .map { try JSONDecoder().decode(Found.self, from: Data($0.utf8)) }
                #expect(found.flatMap(\.matches) == expected, "\(query): \(answer.body)")
                #expect(found.last?.done == true)
                #expect(found.last?.more == (query.contains("most") ? true : nil))
            }
            let text = try await web.ask("GET", started.path + "/text", [web.bearer()])
            #expect(text.body.contains("node1: one\nnode1: Two\nnode1: three\n"))
            #expect(text.body.contains("node1: two\n"))
            let groups = try await web.ask("GET", started.path + "/groups", [web.bearer()])
            #expect(groups.body == #"{"groups":[{"bytes":17,"lines":3,"nodes":["node1"],"run":0}],"isWhole":true}"#)
            try await web.core.reading.searching(by: "ana") {
                try await web.core.reading.searching(by: "ana") {
                    let third = try await web.ask("GET", started.path + "/search?q=a", [web.bearer()])
                    #expect(third.body.contains(#"{"error":{"code":"too_many""#))
                }
            }
        }
    }

    @Test func `a node's runs come newest first, its user's alone`() async throws {
        struct Answer: Decodable {
            struct One: Decodable {
                var execution: ExecutionView
                var run: RunView
            }
            var runs: [One]
        }
        try await WebHarness.run { web in
            let ids = [try await start(web).id, try await start(web).id, try await start(web).id].map(\.description)
            func ask(_ query: String, _ token: String? = nil) async throws -> Answer {
                let answer = try await web.ask("GET", "/api/v1/runs?" + query, [web.bearer(token)])
                #expect(answer.status == 200, "\(answer.body)")
                return try JSONDecoder().decode(Answer.self, from: Data(answer.body.utf8))
            }
            let all = try await ask("node=node1").runs
            #expect(all.map(\.execution.execution) == ids.reversed())
            #expect(all.allSatisfy { $0.run.node == "node1" && $0.run.state == "waiting" && $0.execution.runs == nil })
            let second = try await ask("node=node1&limit=1&before=\(ids[2])").runs
            #expect(second.map(\.execution.execution) == [ids[1]])
            #expect(try await ask("node=node").runs.isEmpty)
            #expect(try await ask("node=node1", web.token(user: "bob", uid: 1001)).runs.isEmpty)
            try await web.expect(400, "GET", "/api/v1/runs", [web.bearer()])
        }
    }

    @Test func `another user's lines are not there, and nonsense is refused`() async throws {
        try await WebHarness.run { web in
            let started = try await start(web)
            let stranger = web.bearer(web.token(user: "bob", uid: 1001))
            let missing = "/api/v1/executions/\(ExecutionID.random())"
            for tail in ["/lines", "/search?q=a", "/text", "/groups"] {
                let foreign = try await web.ask("GET", started.path + tail, [stranger])
                let absent = try await web.ask("GET", missing + tail, [stranger])
                #expect(
                    foreign.status == 404
                        && foreign.body
                            == absent.body.replacingOccurrences(
                                of: missing.suffix(26), with: "\(started.id)"),
                    "\(tail)")
                try await web.expect(401, "GET", started.path + tail)
            }
            for tail in [
                "/lines?from=x", "/lines?stream=terminal", "/lines?runs=1", "/lines?runs=a-b", "/lines?node=node2",
                "/search",
                "/search?q=", "/search?q=(&regex=true", "/search?q=%0A", "/text?runs=0-",
            ] {
                try await web.expect(400, "GET", started.path + tail, [web.bearer()])
            }
        }
    }

    @Test func `who reads too much at once is refused, and others are not kept waiting`() async throws {
        let room = ReadingRoom()
        let gate = Signal()
        let entered = Signal()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await room.read(for: "eve") {
                    entered.fire()
                    while !gate.hasFired { Thread.sleep(forTimeInterval: 0.001) }
                }
                return true
            }
            await entered.wait()
            for _ in 1..<ReadingRoom.mostOfUser + 5 {
                group.addTask {
                    do { try await room.read(for: "eve") {} } catch is Failure { return false }
                    return true
                }
            }
            // Eve has one piece of work at a time, so there is a thread for ana.
            let answer = try await room.read(for: "ana") { 7 }
            #expect(answer == 7)
            var refused = 0
            while refused < 5, let next = try await group.next() { refused += next ? 0 : 1 }
            gate.fire()
            for try await isRead in group { #expect(isRead) }
            #expect(refused == 5)
        }
    }

    @Test func `a log longer than wanted is told by its length`() async throws {
        try await WebHarness.run { web in
            let started = try await start(web)
            try write(Array("short\n".utf8), started)
            let request = OutputFollow.Request(execution: started.id, follows: true, most: 1000)
            let (frames, sink) = AsyncStream.makeStream(of: Frame.self)
            async let following: Void = OutputFollow(request, user: "ana", core: web.core) { sink.yield($0) }.run()
            var entries = 0
            for await frame in frames {
                switch frame {
                case .entries:
                    entries += 1
                    try write([UInt8](repeating: 120, count: 2000), started)
                    web.core.logs.lengthened(started.id, to: LogEnd(offset: started.writer.end, isComplete: false))
                case .text(let text) where text.type == "large":
                    #expect(text.offset == started.writer.end)
                    web.core.logs.lengthened(started.id, to: LogEnd(offset: started.writer.end, isComplete: true))
                    try await web.core.executions.stop(
                        started.id, nodes: nil, graceMilliseconds: nil,
                        by: Identity(user: "ana", uid: 1000, session: [UInt8](repeating: 1, count: 16)))
                case .text(let text) where text.type == "complete": sink.finish()
                default: break
                }
            }
            try await following
            #expect(entries == 1)
        }
    }
}

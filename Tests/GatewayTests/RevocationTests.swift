import Foundation
import GRDB
import Logging
import Messages
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Gateway

/// What is told of revoked sessions, how often, and what is kept of it.
@Suite(.timeLimit(.minutes(2))) struct RevocationTests {
    private let folder = Folder()

    private func session(_ number: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt64(number).bigEndian) { Array($0) } + [UInt8](repeating: 7, count: 8)
    }

    private func revocations(_ numbers: Range<Int>, of user: String, byOperator: Bool = false) -> [Journal.Revocation] {
        numbers.map {
            Journal.Revocation(session: session($0), user: user, at: 10, until: 1000, isOperators: byOperator)
        }
    }

    @Test func `a user's many do not displace what an operator has revoked, nor another user's`() async throws {
        let journal = try Journal(path: folder.path("journal.sqlite"))
        try await journal.revoke(revocations(0..<4, of: "eve", byOperator: true), at: 10)
        try await journal.revoke(revocations(10..<12, of: "bob"), at: 10)
        try await journal.revoke([Journal.Revocation(session: nil, user: "eve", at: 10, until: 1000)], at: 10)
        try await journal.revoke(revocations(100..<300, of: "eve"), at: 10)
        let told = try await journal.newestRevocations(40, ofUser: 8)
        #expect(told.sequence == 207)
        #expect(told.standing.compactMap(\.session) == ([0, 1, 2, 3, 10, 11] + (292..<300)).map(session))
        // Where there is not room for all, the newest, and an operator's first.
        let few = try await journal.newestRevocations(5, ofUser: 8)
        #expect(few.standing.compactMap(\.session) == [0, 1, 2, 3, 299].map(session))
        #expect(try journal.revocations().standing.count == 207)
    }

    @Test func `a journal from before operators were told apart is taken up`() async throws {
        let path = folder.path("journal.sqlite")
        let before = try Journal(path: path)
        try await before.pool.write { try $0.execute(sql: "ALTER TABLE revocations DROP COLUMN operators") }
        try before.pool.close()
        let journal = try Journal(path: path)
        try await journal.revoke(revocations(0..<1, of: "ana", byOperator: true), at: 10)
        #expect(try journal.revocations().standing == revocations(0..<1, of: "ana", byOperator: true))
    }

    @Test func `what is revoked of a journal that is taken over is here, once`() async throws {
        let (journal, path) = (try Journal(path: folder.path("journal.sqlite")), folder.path("former.sqlite"))
        let former = try Journal(path: path)
        try await journal.revoke(revocations(0..<1, of: "ana"), at: 10)
        let all = Journal.Revocation(session: nil, user: "bob", at: 11, until: 30)
        try await former.revoke(revocations(0..<2, of: "ana") + [all], at: 10)
        for _ in 1...2 { try await journal.adoptRevocations(from: path) }
        let here = try journal.revocations()
        #expect(here == Journal.Revocations(standing: revocations(0..<2, of: "ana") + [all], sequence: 3))
    }

    @Test func `revocations in one second are told once, and what was told last is all of them`() async throws {
        let core = try TestCore(nodes: ["a"])
        let told = Told()
        let revoker = Revoker(
            journal: await core.executions.surroundings.journal, executions: core.executions,
            bus: { told.add($0) }, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await core.running {
            async let _ = revoker.run()
            let began = ContinuousClock.now
            for number in 1...20 {
                _ = try await revoker.revoke([session(number): "ana"], user: nil, at: 10, isOperators: false)
            }
            let seconds = Int((ContinuousClock.now - began).components.seconds)
            try await eventually("the last") { told.all.last?.sequence == 20 }
            #expect(told.all.count <= 3 + seconds, "\(told.all.map(\.sequence))")
        }
        #expect(told.all.last?.revocations.map { [UInt8]($0.session) } == (1...20).map(session))
    }

    @Test func `what is noted stays noted, in whatever order it comes, until its time`() async throws {
        let core = try TestCore(nodes: ["a"])
        try await core.running {
            await core.executions.noteRevoked(revocations(2..<3, of: "ana"), at: 10)
            await core.executions.noteRevoked(revocations(1..<2, of: "ana"), at: 10)
            await core.executions.noteRevoked([], at: 10)
            #expect(await Set(core.executions.revoked.keys) == [session(1), session(2)])
            await core.executions.noteRevoked([], at: 1000)
            #expect(await core.executions.revoked.isEmpty)
        }
    }

    @Test func `a node is answered once in five seconds, each for itself`() {
        var asked = AskedRevocations()
        let answers = [
            asked.isAnswered(node("a"), at: .seconds(1)), asked.isAnswered(node("a"), at: .seconds(5)),
            asked.isAnswered(node("b"), at: .seconds(5)), asked.isAnswered(node("a"), at: .seconds(6)),
        ]
        #expect(answers == [true, false, true, true])
    }

    // MARK: Over HTTP

    private func root(_ web: WebHarness) -> String { web.bearer(web.token(user: "root", uid: 0)) }

    @Test func `a user revokes sixty times a minute and no more`() async throws {
        try await WebHarness.run { web in
            let root = root(web)
            for _ in 0..<Revoker.mostPerMinute {
                try await web.expect(200, "POST", "/api/v1/sessions/revoke", [root], body: #"{"user":"ana"}"#)
            }
            try await web.expect(429, "POST", "/api/v1/sessions/revoke", [root], body: #"{"user":"ana"}"#)
            let other = web.bearer(web.token(user: "bob", uid: 1001))
            try await web.expect(200, "POST", "/api/v1/sessions/revoke", [other], body: #"{"user":"bob"}"#)
        }
    }

    @Test func `what the journal cannot keep ends the session all the same, and is kept as a logout is`() async throws {
        try await WebHarness.run { web in
            let (ana, root) = (web.bearer(), root(web))
            try await web.expect(200, "GET", "/api/v1/whoami", [ana])
            let journal = await web.core.executions.surroundings.journal
            try await journal.pool.write { try $0.execute(sql: "DROP TABLE revocations") }
            let answer = try await web.ask("POST", "/api/v1/sessions/revoke", [root], body: #"{"user":"ana"}"#)
            #expect(answer.status >= 500, "\(answer.body)")
            try await web.expect(401, "GET", "/api/v1/whoami", [ana])
            #expect(EndedSessions(path: web.folder + "/ended").read(at: 0).count == 1)
        }
    }

    @Test func `what was let in before the session was revoked, and ends after it, is not carried out`() async throws {
        try await WebHarness.run { web in
            let body = #"{"nodes":["node1"],"command":{"line":"true"}}"#
            let head = [
                "POST /api/v1/executions HTTP/1.1", "Host: \(web.host)", web.bearer(), "Connection: close",
                "Content-Length: \(body.utf8.count)",
            ].joined(separator: "\r\n")
            let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: web.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            let answer = try await client.executeThenClose { inbound, outbound in
                try await outbound.write(ByteBuffer(string: head + "\r\n\r\n" + body.prefix(5)))
                try await eventually("its being let in") {
                    try await web.ask("GET", "/api/v1/sessions", [root(web)]).body.contains(#""ana""#)
                }
                try await web.expect(200, "POST", "/api/v1/sessions/revoke", [root(web)], body: #"{"user":"ana"}"#)
                try await outbound.write(ByteBuffer(string: String(body.dropFirst(5))))
                var answer = ByteBuffer()
                for try await piece in inbound { answer.writeImmutableBuffer(piece) }
                return String(buffer: answer)
            }
            #expect(answer.hasPrefix("HTTP/1.1 401"), "\(answer)")
            #expect(try await web.core.executions.list(user: "ana", active: false, limit: 9, before: nil).isEmpty)
        }
    }

    @Test func `a stream ends with its session`() async throws {
        let clock = Passing()
        try await WebHarness.run(clock: WallClock { clock.now }) { web in
            let body = #"{"nodes":["node1"],"command":{"line":"true"}}"#
            let answer = try await web.ask("POST", "/api/v1/executions", [web.bearer()], body: body)
            let view = try JSONDecoder().decode(ExecutionView.self, from: Data(answer.body.utf8))
            let head = "GET /api/v1/executions/\(view.execution)/frames?follow=true HTTP/1.1\r\nHost: \(web.host)\r\n"
            let sent = ByteBuffer(string: head + web.bearer() + "\r\n\r\n")
            let began = ContinuousClock.now
            _ = try await web.exchange(sent, seconds: 60) { received in
                // As after half an hour without use, of which no watch has heard.
                if String(buffer: received).contains("caught-up") { clock.pass(31 * 60_000) }
                return false
            }
            #expect(ContinuousClock.now - began < .seconds(50))
        }
    }
}

/// What a revoker has told.
private final class Told: Sendable {
    private let said = Mutex<[WireRevocations]>([])

    var all: [WireRevocations] { said.withLock { $0 } }

    func add(_ items: [Outgoing]) {
        for case .revocations(let one) in items { said.withLock { $0.append(one) } }
    }
}

/// The wall clock, and what has passed besides.
private final class Passing: Sendable {
    private let passed = Mutex<Int64>(0)

    var now: Int64 { WallClock.system.now() + passed.withLock { $0 } }

    func pass(_ milliseconds: Int64) { passed.withLock { $0 += milliseconds } }
}

import Bus
import Foundation
import Logging
import Messages
import Synchronization
import Testing

@testable import Gateway

@Suite(.timeLimit(.minutes(1))) struct WebSubscribeKeyTests {
    private func post(
        _ web: WebHarness, _ name: String, key: String = KeyPair.random().publicText, days: Int? = nil,
        user: String = "ana"
    ) async throws -> WebHarness.Answer {
        let days = days.map { #","days":\#($0)"# } ?? ""
        return try await web.ask(
            "POST", "/api/v1/subscribe-keys", [web.bearer(web.token(user: user))],
            body: #"{"name":"\#(name)","key":"\#(key)"\#(days)}"#)
    }

    private func list(_ web: WebHarness, user: String = "ana") async throws -> String {
        try await web.ask("GET", "/api/v1/subscribe-keys", [web.bearer(web.token(user: user))]).body
    }

    @Test func `a key is granted, listed to its owner alone, and removed`() async throws {
        try await WebHarness.run { web in
            let pair = KeyPair.random()
            let granted = try await post(web, "laptop", key: pair.publicText)
            #expect(granted.status == 201)
            for part in [
                #""principal":"user:ana/laptop""#, #""topics":["output/ana/","event/ana/"]"#,
                #""fingerprint":"\#(Fingerprint.of(pair.publicKey))""#, #""user":"ana""#,
            ] { #expect(granted.body.contains(part), "\(granted.body)") }
            #expect(try await list(web).contains("laptop"))
            #expect(try await !list(web, user: "bob").contains("laptop"))
            let path = "/api/v1/subscribe-keys/laptop"
            #expect(try await web.ask("DELETE", path, [web.bearer(web.token(user: "bob"))]).status == 404)
            #expect(try await web.ask("DELETE", path, [web.bearer(web.token())]).status == 204)
            #expect(try await web.ask("DELETE", path, [web.bearer(web.token())]).status == 404)
            #expect(try await !list(web).contains("laptop"))
        }
    }

    @Test func `the same name and key again renews, another key or holder is refused`() async throws {
        try await WebHarness.run { web in
            let key = KeyPair.random().publicText
            #expect(try await post(web, "laptop", key: key, days: 1).status == 201)
            #expect(try await post(web, "laptop", key: key, days: 365).status == 200)
            #expect(try await post(web, "laptop").status == 409)
            #expect(try await post(web, "second", key: key).status == 409)
            let foreign = try await post(web, "laptop", key: key, user: "bob")
            #expect(foreign.status == 409 && !foreign.body.contains("ana"))
            #expect(try await post(web, "laptop", user: "bob").status == 201)
        }
    }

    @Test func `what is no name, no key or no time is refused`() async throws {
        try await WebHarness.run { web in
            for name in ["", "a/b", "..", "-x", "a%2Fb", "a b"] {
                let status = try await post(web, name).status
                #expect(status == 400)
            }
            let zero = String(repeating: "0", count: 64)
            let one = String(repeating: "0", count: 62) + "01"
            for key in ["", "12", zero, "01" + one.dropFirst(2).dropLast(2) + "00", String(repeating: "g", count: 64)] {
                let status = try await post(web, "k", key: key).status
                #expect(status == 400)
            }
            for days in [0, -1, 366] {
                let status = try await post(web, "k", days: days).status
                #expect(status == 400)
            }
            let gateway = try KeyPair(path: web.folder + "/gateway.key")
            #expect(try await post(web, "k", key: gateway.publicText).status == 409)
            #expect(try await list(web).contains(#""keys":[]"#))
        }
    }

    @Test func `a user has sixteen keys at most`() async throws {
        try await WebHarness.run { web in
            for number in 0..<16 {
                let status = try await post(web, "k\(number)").status
                #expect(status == 201)
            }
            #expect(try await post(web, "k16").status == 429)
            #expect(try await post(web, "k16", user: "bob").status == 201)
        }
    }

    @Test func `keys outlive the gateway, until they expire, and brokers are told in order`() async throws {
        let folder = NSTemporaryDirectory() + "estiba-grants-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let now = Mutex<Int64>(1_000_000)
        let told = AsyncStream.makeStream(of: [String].self)
        func open() throws -> Grants {
            Grants(
                journal: try Journal(path: folder + "/journal.sqlite"), brokers: [], isRegistered: { _ in false },
                bus: { items in
                    for case .grants(let all) in items { told.continuation.yield(all.grants.map(\.name)) }
                }, clock: WallClock { now.withLock { $0 } }, logger: Logger(label: "test"))
        }
        let grants = try open()
        try await grants.tell()
        for (name, days) in [("a", 1), ("b", 1), ("c", 2)] {
            _ = try await grants.add(name, key: KeyPair.random().publicText, days: days, for: "ana")
        }
        try await grants.remove("a", of: "ana")
        let again = try open()
        try await again.tell()
        now.withLock { $0 += 86_400_000 }
        try await again.tell()
        #expect(try await again.list(user: "ana").map(\.name) == ["c"])
        told.continuation.finish()
        var heard: [[String]] = []
        for await names in told.stream { heard.append(names) }
        #expect(heard == [[], ["a"], ["a", "b"], ["a", "b", "c"], ["b", "c"], ["b", "c"], ["c"]])
    }

    @Test func `one user changes keys so often a minute, and another is not held up by it`() async throws {
        try await WebHarness.run { web in
            let pair = KeyPair.random()
            var statuses: [Int] = []
            for _ in 0..<70 { statuses.append(try await post(web, "laptop", key: pair.publicText).status) }
            #expect(statuses.prefix(60).allSatisfy { $0 == 201 || $0 == 200 } && statuses.suffix(10).contains(429))
            #expect(try await post(web, "laptop", user: "bob").status == 201)
        }
    }
}

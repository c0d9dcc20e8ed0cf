import Bus
import Foundation
import Messages
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
                #""principal":"user:ana\/laptop""#, #""topics":["output\/ana\/","event\/ana\/"]"#,
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
            for name in ["", "a/b", "..", "-x", "a%2Fb", "a b"] { #expect(try await post(web, name).status == 400) }
            let zero = String(repeating: "0", count: 64)
            let one = String(repeating: "0", count: 62) + "01"
            for key in ["", "12", zero, "01" + one.dropFirst(2).dropLast(2) + "00", String(repeating: "g", count: 64)] {
                #expect(try await post(web, "k", key: key).status == 400)
            }
            for days in [0, -1, 366] { #expect(try await post(web, "k", days: days).status == 400) }
            let gateway = try KeyPair(path: web.folder + "/gateway.key")
            #expect(try await post(web, "k", key: gateway.publicText).status == 409)
            #expect(try await list(web).contains(#""keys":[]"#))
        }
    }

    @Test func `a user has sixteen keys at most`() async throws {
        try await WebHarness.run { web in
            for number in 0..<16 { #expect(try await post(web, "k\(number)").status == 201) }
            #expect(try await post(web, "k16").status == 429)
            #expect(try await post(web, "k16", user: "bob").status == 201)
        }
    }

    @Test func `keys outlive the gateway, until they expire, and brokers are told in order`() async throws {
        let folder = NSTemporaryDirectory() + "estiba-grants-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let now = Moment.now().unixMilliseconds
        let journal = try Journal(path: folder + "/journal.sqlite")
        let old = Journal.SubscribeKey(
            user: "ana", name: "old", key: KeyPair.random().publicKey, created: now - 2000, expires: now - 1000)
        _ = try await journal.pool.write { try Journal.grant(old, most: 16, in: $0) }
        let told = AsyncStream.makeStream(of: [String].self)
        let grants = Grants(
            journal: journal, brokers: [], isRegistered: { _ in false },
            bus: { items in
                for case .grants(let all) in items { told.continuation.yield(all.grants.map(\.name)) }
            }, logger: .init(label: "test"))
        try await grants.tell()
        for name in ["a", "b"] { _ = try await grants.add(name, key: KeyPair.random().publicText, days: 1, for: "ana") }
        try await grants.remove("a", of: "ana")
        told.continuation.finish()
        var heard: [[String]] = []
        for await names in told.stream { heard.append(names) }
        #expect(heard == [[], ["a"], ["a", "b"], ["b"]])
        let again = try Journal(path: folder + "/journal.sqlite")
        let kept = try await again.pool.read { try Journal.keys(at: now, in: $0).map(\.name) }
        #expect(kept == ["b"])
    }
}

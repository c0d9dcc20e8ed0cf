import Bus
import Foundation
import HTTPTypes
import Testing

@testable import Gateway

@Suite struct LoginLimiterTests {
    private let start = ContinuousClock.now

    @Test func `the eleventh failure in five minutes waits`() {
        var limiter = LoginLimiter()
        let attempt = LoginLimiter.Attempt(user: "ana", address: "10.0.0.1")
        for second in 0..<10 { #expect(limiter.begin(attempt, at: start + .seconds(second)) == nil) }
        #expect(limiter.begin(attempt, at: start + .seconds(10)) == .seconds(290))
        #expect(limiter.begin(attempt, at: start + .seconds(299)) == .seconds(1))
        #expect(limiter.begin(attempt, at: start + .seconds(300)) == nil)
    }

    @Test func `the same user from another address is not touched`() {
        var limiter = LoginLimiter()
        for _ in 0..<20 { _ = limiter.begin(.init(user: "ana", address: "10.0.0.1"), at: start) }
        #expect(limiter.begin(.init(user: "ana", address: "10.0.0.2"), at: start) == nil)
    }

    @Test(arguments: [
        ("127.0.0.1", "127.8.9.10"), ("2001:db8::1", "2001:db8::ffff:2"), ("10.0.0.1", "::ffff:10.0.0.1"),
    ])
    func `addresses that one machine can give itself are one place`(one: String, other: String) {
        #expect(LoginLimiter.Attempt(user: "ana", address: one) == .init(user: "ana", address: other))
    }

    @Test(arguments: [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8:0:1::1"), ("unknown", "::")])
    func `addresses of different machines are different places`(one: String, other: String) {
        #expect(LoginLimiter.Attempt(user: "ana", address: one) != .init(user: "ana", address: other))
    }

    @Test func `a success forgets the failures before it`() {
        var limiter = LoginLimiter()
        let attempt = LoginLimiter.Attempt(user: "ana", address: "10.0.0.1")
        for _ in 0..<9 { _ = limiter.begin(attempt, at: start) }
        limiter.succeeded(attempt)
        for _ in 0..<10 { #expect(limiter.begin(attempt, at: start) == nil) }
    }
}

@Suite struct SessionsTests {
    private static let minute: Int64 = 60_000
    private let began: Int64 = 1_700_000_000_000

    private func token(issued: Int64, authenticated: Int64? = nil) -> LoginToken {
        LoginToken(
            uid: 1000, user: "ana", session: [UInt8](repeating: 7, count: 16), issuedMilliseconds: issued,
            authenticatedMilliseconds: authenticated ?? issued)
    }

    @Test func `half an hour without use ends a session`() {
        var sessions = Sessions()
        #expect(sessions.use(token(issued: began), at: began + 29 * Self.minute) == .alive(reissue: true))
        #expect(sessions.use(token(issued: began), at: began + 58 * Self.minute) == .alive(reissue: true))
        #expect(sessions.use(token(issued: began), at: began + 88 * Self.minute) == .over)
    }

    @Test func `use every minute does not lead beyond twelve hours`() {
        var sessions = Sessions()
        for minute in 0..<Int64(12 * 60) {
            #expect(sessions.use(token(issued: began), at: began + minute * Self.minute) != .over)
        }
        #expect(sessions.use(token(issued: began), at: began + 720 * Self.minute) == .over)
        let fresh = token(issued: began + 719 * Self.minute, authenticated: began)
        #expect(sessions.use(fresh, at: began + 720 * Self.minute) == .over)
    }

    @Test func `a token from the future is refused`() {
        var sessions = Sessions()
        #expect(sessions.use(token(issued: began + 5 * Self.minute), at: began) == .over)
        #expect(sessions.use(token(issued: began + 30_000), at: began) != .over)
    }

    @Test func `an ended session stays ended, with newer tokens too`() {
        var sessions = Sessions()
        sessions.end(token(issued: began).session, at: began)
        #expect(sessions.use(token(issued: began), at: began + 1) == .over)
        #expect(sessions.use(token(issued: began + 5), at: began + 6) == .over)
    }

    @Test func `ending all of a user's sessions ends those that began before, and nobody else's`() {
        var sessions = Sessions()
        let old = token(issued: began)
        #expect(sessions.use(old, at: began) != .over)
        #expect(sessions.alive(at: began).map(\.session) == [old.session])
        sessions.endAll(of: "somebody else", until: began)
        #expect(sessions.use(old, at: began + 1) != .over)
        sessions.endAll(of: old.user, until: began + 1)
        #expect(sessions.alive(at: began + 1).isEmpty)
        #expect(sessions.use(old, at: began + 2) == .over)
        #expect(sessions.use(token(issued: began + 2), at: began + 2) != .over)
    }

    @Test func `a token is issued anew after five minutes`() {
        var sessions = Sessions()
        #expect(sessions.use(token(issued: began), at: began + 4 * Self.minute) == .alive(reissue: false))
        #expect(sessions.use(token(issued: began), at: began + 5 * Self.minute) == .alive(reissue: true))
    }

    @Test func `a session that was ended stays ended when the gateway starts again`() throws {
        let folder = NSTemporaryDirectory() + "estiba-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let ended = EndedSessions(path: folder + "/ended")
        var before = Sessions(ended: ended.read(at: began))
        let token = token(issued: began)
        #expect(before.use(token, at: began) != .over)
        try ended.add(token.session, until: before.end(token.session, at: began))
        var after = Sessions(ended: ended.read(at: began + 1))
        #expect(after.use(token, at: began + 1) == .over)
        #expect(ended.read(at: began + 24 * 60 * Self.minute).isEmpty)
    }
}

@Suite struct HostRulesTests {
    @Test(arguments: ["127.0.0.1:7480", "localhost:7480", "[::1]:7480", "LOCALHOST:7480"])
    func `a loopback server answers to the forms of localhost`(host: String) {
        #expect(HostRules(address: "127.0.0.1", port: 7480).check(host: host) == nil)
    }

    @Test(arguments: [
        "evil.example:7480", "127.0.0.1", "127.0.0.1:7481", "127.0.0.1:7480x", "10.0.0.1:7480", "a b:7480", "",
    ])
    func `other names and ports are refused`(host: String) {
        #expect(HostRules(address: "127.0.0.1", port: 7480).check(host: host) != nil)
    }

    @Test func `who listens on all takes any address and the names given`() {
        let rules = HostRules(address: "0.0.0.0", port: 443, names: ["deploy.example.org"], isTLS: true)
        #expect(rules.check(host: "deploy.example.org") == nil)
        #expect(rules.check(host: "192.0.2.7") == nil)
        #expect(rules.check(host: "rebound.example.org") != nil)
    }

    @Test func `only the very origin is ours`() {
        let rules = HostRules(address: "127.0.0.1", port: 7480)
        let host = "127.0.0.1:7480"
        #expect(rules.isOurs(origin: "http://127.0.0.1:7480", host: host, forwardedScheme: nil))
        for origin in ["https://127.0.0.1:7480", "http://127.0.0.1:7481", "http://127.0.0.1", "null", ""] {
            #expect(!rules.isOurs(origin: origin, host: host, forwardedScheme: nil))
        }
    }
}

@Suite struct TargetTests {
    @Test func `a path is decoded part by part`() {
        #expect(Target("/a/b%20c?x=1&y=%2F")?.path == ["a", "b c"])
        #expect(Target("/a/b%20c?x=1&y=%2F")?.query == ["x": "1", "y": "/"])
        #expect(Target("/")?.path == [])
    }

    @Test(arguments: [
        "/..%2f", "/a/../b", "/%2e%2e/x", "/%00", "/%c0%ae", "//etc/passwd", "/a//b", "http://x/", "*", "", "/%zz",
        "/%",
        "/a%5c..", "/a/",
    ])
    func `what could lead elsewhere is no target`(text: String) { #expect(Target(text) == nil) }
}

@Suite struct RouteTableTests {
    @Test func `every endpoint has a route`() {
        #expect(Set(RouteTable.routes.map(\.endpoint)) == Set(Route.Endpoint.allCases))
    }

    @Test func `only login, help and the page are open to anyone`() {
        let open = RouteTable.routes.filter { $0.access == .anyone }.map(\.endpoint)
        #expect(Set(open) == [.login, .loginByCode, .openapi, .health, .page])
    }

    @Test func `nothing that changes something is a GET`() {
        for route in RouteTable.routes
        where [.logout, .upload, .submit, .stop, .login, .loginByCode].contains(route.endpoint) {
            #expect(route.isUnsafe)
        }
    }

    @Test func `other methods are told apart from nothing`() {
        #expect(RouteTable.match(.get, ["api", "v1", "login"]) == .otherMethods([.post]))
        #expect(RouteTable.match(.get, ["api", "v1", "nonsense"]) == .nothing)
        guard
            case .route(let route, let parameters) = RouteTable.match(.post, ["api", "v1", "executions", "X", "stop"])
        else { return #expect(Bool(false)) }
        #expect(route.endpoint == .stop)
        #expect(parameters == ["execution": "X"])
    }
}

@Suite struct BodyPaceTests {
    private let start = ContinuousClock.now

    private func isTooSlow(_ pace: inout BodyPace, after seconds: Int...) -> [Bool] {
        seconds.map { pace.isTooSlow(at: start + .seconds($0)) }
    }

    @Test func `a trickle is too slow after half a minute`() {
        var pace = BodyPace()
        for second in 0..<29 {
            pace.waitBegan(at: start + .seconds(second))
            pace.received(500, at: start + .seconds(second + 1))
        }
        let before = isTooSlow(&pace, after: 29)
        pace.waitBegan(at: start + .seconds(29))
        let after = isTooSlow(&pace, after: 30)
        #expect(before == [false] && after == [true])
    }

    @Test func `a silence after much that came at once is too slow`() {
        var pace = BodyPace()
        pace.waitBegan(at: start)
        pace.received(10_000_000, at: start + .seconds(1))
        pace.waitBegan(at: start + .seconds(1))
        let judged = isTooSlow(&pace, after: 29, 30, 59, 60)
        #expect(judged == [false, false, false, true])
    }

    @Test func `the server's own time does not count`() {
        var pace = BodyPace()
        pace.waitBegan(at: start)
        pace.received(10, at: start + .seconds(1))
        let judged = isTooSlow(&pace, after: 3600)
        #expect(judged == [false])
    }
}

@Suite struct AccountRuleTests {
    @Test func `root logs in by a code where it is allowed, never by password`() {
        let rule = AccountRule(minimumUID: 1000, allowedUIDs: [0])
        #expect(rule.mayLogInByCode(0))
        #expect(!rule.mayLogInByPassword(0))
        #expect(!rule.mayLogInByCode(1))
        #expect(rule.mayLogInByPassword(1000))
    }
}

@Suite struct OpenAPITests {
    @Test func `every route of the API is described, and nothing else`() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Sources/Gateway/API/openapi.yaml")
        var described: Set<String> = []
        var path = ""
        let text = try String(contentsOf: file, encoding: .utf8)
        for line in text.components(separatedBy: "\ncomponents:")[0].split(separator: "\n") {
            if line.hasPrefix("  /"), line.hasSuffix(":") { path = String(line.dropFirst(2).dropLast()) }
            let word = line.dropFirst(4).dropLast()
            if line.hasPrefix("    "), line.hasSuffix(":"), ["get", "post", "patch", "put", "delete"].contains(word) {
                described.insert("\(word.uppercased()) \(path)")
            }
        }
        let routes = RouteTable.routes.filter { $0.path.hasPrefix("/api/v1/") }
            .map { "\($0.method.rawValue) \($0.path.dropFirst("/api/v1".count))" }
        let unsaid = Set(routes).subtracting(described), untrue = described.subtracting(routes)
        #expect(unsaid.isEmpty, "not described: \(unsaid.sorted())")
        // Health lies beside the API.
        #expect(untrue.subtracting(["GET /health"]).isEmpty, "no such routes: \(untrue.sorted())")
    }
}

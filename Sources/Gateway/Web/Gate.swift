import Bus
import HTTPTypes
import Messages
import NIOCore
import NIOHTTP1
import Spool
import Synchronization

/// Who is let in, and how: login, tokens, sessions, and the rules about where a request comes from.
final class Gate: Sendable {
    let hosts: HostRules
    let cookieName: String
    private let key: [UInt8]
    private let sessions: Mutex<Sessions>
    private let ended: EndedSessions?
    private let limiter = Mutex(LoginLimiter())
    private let clock: WallClock

    init(
        hosts: HostRules, instance: String, authoritySecret: [UInt8], ended: EndedSessions? = nil,
        revoked: [Journal.Revocation] = [], clock: WallClock = .system
    ) {
        self.hosts = hosts
        self.ended = ended
        var sessions = Sessions(ended: ended?.read(at: clock.now()) ?? [:])
        for one in revoked { Self.end(one, in: &sessions) }
        self.sessions = Mutex(sessions)
        key = LoginToken.key(authoritySecret: authoritySecret)
        self.clock = clock
        cookieName = "__Host-estiba-\(instance)"
    }

    /// Lets a request with a good token in and counts it as a use of its session.
    func admit(_ facts: RequestFacts) throws(Refusal) -> Visitor {
        let bearer = facts.bearer
        guard let text = bearer ?? facts.cookie(cookieName), let token = LoginToken.open(text, key: key) else {
            throw .notLoggedIn
        }
        switch sessions.withLock({ $0.use(token, at: clock.now()) }) {
        case .over: throw .notLoggedIn
        case .alive(let reissue): return Visitor(token: token, isByCookie: bearer == nil, isReissueDue: reissue)
        }
    }

    /// A request that changes something must come from a page of ours, or from no page at all.
    ///
    /// A browser sends the cookie by itself, so a request that lives by it must prove where it comes from; one with a
    /// bearer token, which no page can make a browser add, need not.
    func checkOrigin(_ facts: RequestFacts, _ visitor: Visitor?) throws(Refusal) {
        guard facts.isUnsafe, facts.bearer == nil else { return }
        if facts.origin != nil || visitor?.isByCookie == true { try requireOurOrigin(facts) }
        guard visitor?.isByCookie != true || facts.pageMark == "1" else {
            throw Refusal(.forbidden, .notPermitted, "The request lacks the field X-Estiba.")
        }
    }

    func admitUpgrade(_ facts: RequestFacts) throws(Refusal) -> Visitor {
        if let refusal = hosts.check(host: facts.host) { throw refusal }
        if facts.bearer == nil, facts.origin != nil { try requireOurOrigin(facts) }
        let visitor = try admit(facts)
        if visitor.isByCookie { try requireOurOrigin(facts) }
        return visitor
    }

    /// Whether the upgrade of this request would be granted; anything else is answered as a plain request.
    func mayUpgrade(_ head: HTTPRequestHead) -> Bool {
        let fields = head.headers
        guard head.method == .GET, head.uri.prefix(while: { $0 != "?" }) == RouteTable.livePath else { return false }
        guard fields[canonicalForm: "Upgrade"].map({ $0.lowercased() }) == ["websocket"],
            fields[canonicalForm: "Connection"].contains(where: { $0.lowercased() == "upgrade" }),
            fields["Sec-WebSocket-Version"] == ["13"], fields["Sec-WebSocket-Key"].count == 1,
            !fields.contains(name: "Content-Length"), !fields.contains(name: "Transfer-Encoding")
        else { return false }
        return (try? admitUpgrade(RequestFacts(head))) != nil
    }

    private func requireOurOrigin(_ facts: RequestFacts) throws(Refusal) {
        guard let origin = facts.origin,
            hosts.isOurs(origin: origin, host: facts.host, forwardedScheme: facts.forwardedScheme)
        else { throw .otherOrigin }
    }
}

// Sessions.
extension Gate {
    /// Begins a session of an account that has proved itself.
    func open(user: String, uid: UInt32) -> Visitor {
        let now = clock.now()
        let token = LoginToken(uid: uid, user: user, issuedMilliseconds: now, authenticatedMilliseconds: now)
        return Visitor(token: token, isByCookie: false, isReissueDue: false)
    }

    /// The token as text, issued now.
    func seal(_ visitor: Visitor) -> String {
        var token = visitor.token
        token.issuedMilliseconds = clock.now()
        return token.seal(key: key)
    }

    func isAlive(_ visitor: Visitor) -> Bool { sessions.withLock { $0.isAlive(visitor.token, at: clock.now()) } }

    /// Counts what is open as a use of its session, once a minute, and returns when the session is over.
    func watch(_ visitor: Visitor) async throws {
        var looks = 0
        while isAlive(visitor) {
            looks += 1
            if looks.isMultiple(of: 60) { sessions.withLock { _ = $0.use(visitor.token, at: clock.now()) } }
            try await Task.sleep(for: Self.sessionCheck)
        }
    }

    private static let sessionCheck = Duration.seconds(1)

    /// Throws where that cannot be kept; the session is over all the same, for as long as this process lives.
    func end(_ visitor: Visitor) throws(SystemError) { try keepEnded(visitor.identity.session) }

    /// The same for a session by its id.
    func keepEnded(_ session: [UInt8]) throws(SystemError) {
        let until = sessions.withLock { $0.end(session, at: clock.now()) }
        try ended?.add(session, until: until)
    }

    /// The sessions that are alive as far as this gateway has seen them.
    func alive() -> [(session: [UInt8], seen: Sessions.Seen)] { sessions.withLock { $0.alive(at: clock.now()) } }

    /// Unix milliseconds.
    var now: Int64 { clock.now() }

    /// Ends what was revoked, which the journal keeps.
    func revoke(_ revocation: Journal.Revocation) { sessions.withLock { Self.end(revocation, in: &$0) } }

    private static func end(_ revocation: Journal.Revocation, in sessions: inout Sessions) {
        if let session = revocation.session {
            sessions.end(session, at: revocation.at)
        } else {
            sessions.endAll(of: revocation.user, until: revocation.at)
        }
    }

    func beginLogin(_ attempt: LoginLimiter.Attempt) throws(Refusal) {
        guard let wait = limiter.withLock({ $0.begin(attempt, at: .now) }) else { return }
        var refusal = Refusal(.tooManyRequests, .tooMany, "Too many failed logins; wait a few minutes.")
        refusal.headers[.retryAfter] = String(max(1, wait.components.seconds + 1))
        throw refusal
    }

    func loginSucceeded(_ attempt: LoginLimiter.Attempt) { limiter.withLock { $0.succeeded(attempt) } }

    func cookie(_ token: String) -> String { "\(cookieName)=\(token); Path=/; Secure; HttpOnly; SameSite=Strict" }

    var expiredCookie: String { "\(cookieName)=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0" }
}

import Hummingbird
import Logging
import Messages
import Sodium

/// Login sessions: who is in, and the end of that before its time.
extension WebResponder {
    /// One's own sessions; an operator's answer has everybody's.
    func sessions(_ asked: Asked) async throws -> Response {
        struct Answer: Encodable { var sessions: [SessionView] }
        let identity = try asked.requireVisitor().identity
        let mayAll = operators.contains(identity)
        let alive = gate.alive().filter { mayAll || $0.seen.user == identity.user }
        return try .json(
            Answer(
                sessions: alive.map { session, seen in
                    SessionView(
                        session: SessionView.name(of: session), user: seen.user, authenticated: seen.authenticated,
                        lastUse: seen.lastUse, expires: seen.authenticated + Sessions.absoluteMilliseconds,
                        own: session == identity.session ? true : nil)
                }))
    }

    /// Ends sessions by their names, or all of a user's; what they asked for and no node has taken is cancelled.
    func revokeSessions(_ asked: Asked) async throws -> Response {
        struct Wish: Decodable {
            var sessions: [String]?
            var user: String?
        }
        struct Answer: Encodable {
            var revoked: [String]
            var cancelled: Int
        }
        let identity = try asked.requireVisitor().identity
        let wish = try decode(Wish.self, from: asked)
        guard (wish.sessions?.isEmpty == false) != (wish.user != nil) else {
            throw Refusal(.badRequest, .badRequest, "Name sessions, or a user.")
        }
        let mayAll = operators.contains(identity)
        if let user = wish.user, user != identity.user, !mayAll {
            throw Refusal(
                .forbidden, .notPermitted, "Only an operator may do that: the gateway's setting `operators`.")
        }
        var known = await core.executions.queuedSessions(of: mayAll ? wish.user : identity.user)
        for (session, seen) in gate.alive() where mayAll || seen.user == identity.user { known[session] = seen.user }
        var meant = known.filter { wish.user == $0.value }
        for name in wish.sessions ?? [] {
            guard let found = known.first(where: { SessionView.name(of: $0.key) == name }) else {
                throw Refusal(.notFound, .notFound, "There is no session \(name) at this gateway.")
            }
            meant[found.key] = found.value
        }
        let cancelled = try await revoke(meant, user: wish.user, by: identity, asked)
        return try .json(Answer(revoked: meant.keys.map(SessionView.name).sorted(), cancelled: cancelled))
    }

    /// Returns how many waiting runs were cancelled; where that is not kept, the sessions are over as after a logout.
    func revoke(
        _ sessions: [[UInt8]: String], user: String?, by identity: Identity, _ asked: Asked
    ) async throws -> Int {
        try await core.revoker.count(identity.user)
        // First at the gate: nothing of them is taken on while what waits is looked through.
        let now = gate.now
        for (session, user) in sessions {
            gate.revoke(Journal.Revocation(session: session, user: user, at: now, until: now))
        }
        if let user { gate.revoke(Journal.Revocation(session: nil, user: user, at: now, until: now)) }
        // Also those of sessions that the gate has not seen for long.
        openConnections.close { sessions[$0.session] != nil || $0.user == user }
        let cancelled: Int
        do {
            cancelled = try await core.revoker.revoke(
                sessions, user: user, at: now, isOperators: operators.contains(identity))
        } catch {
            for session in sessions.keys { try? gate.keepEnded(session) }
            throw error
        }
        let users = Set(sessions.values).union(user.map { [$0] } ?? [])
        asked.context.logger.notice(
            "sessions revoked",
            metadata: [
                "by": "\(identity.user.debugDescription)", "sessions": "\(sessions.count)",
                "users": "\(users.sorted())", "cancelled": "\(cancelled)",
            ])
        return cancelled
    }
}

/// A login session as it is shown: its name tells it apart without giving the id away.
struct SessionView: Encodable, Sendable, Equatable {
    var session: String
    var user: String
    /// Unix milliseconds.
    var authenticated: Int64
    var lastUse: Int64
    var expires: Int64
    /// The one that asks.
    var own: Bool?

    static func name(of session: [UInt8]) -> String { Hex.encode(Blake2b.hash(session, count: 8)) }
}

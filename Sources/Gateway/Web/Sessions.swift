import Bus

/// Which login sessions are alive: 30 minutes without use or 12 hours in all end one, and so does logging out.
///
/// The token says when the session began; this table only knows what is newer than the token. Times are Unix
/// milliseconds, as in the token.
struct Sessions {
    enum Verdict: Equatable, Sendable {
        /// `reissue`: the token is old enough for the answer to carry a new one.
        case alive(reissue: Bool)
        case over
    }

    static let idleMilliseconds: Int64 = 30 * 60_000
    static let absoluteMilliseconds: Int64 = 12 * 3_600_000
    static let reissueMilliseconds: Int64 = 5 * 60_000
    /// How far in the future a token of another gateway may be issued.
    static let toleranceMilliseconds: Int64 = 60_000

    /// A session that has been used here since this gateway's start.
    struct Seen: Equatable, Sendable {
        var user: String
        var authenticated: Int64
        var lastUse: Int64
    }

    private var seen: [[UInt8]: Seen] = [:]
    /// Sessions ended before their time, until no token of theirs could be good any more.
    private var ended: [[UInt8]: Int64]
    /// Users whose sessions were all ended: those that began by then are over.
    private var endedUsers: [String: Int64] = [:]
    private var swept: Int64 = 0

    init(ended: [[UInt8]: Int64] = [:]) { self.ended = ended }

    /// Those that are alive as far as this gateway has seen them, the latest first.
    func alive(at now: Int64) -> [(session: [UInt8], seen: Seen)] {
        seen.filter {
            now - $0.value.lastUse < Self.idleMilliseconds && now - $0.value.authenticated < Self.absoluteMilliseconds
        }.map { ($0.key, $0.value) }.sorted { $0.seen.authenticated > $1.seen.authenticated }
    }

    /// Judges a token whose seal is right, and counts the request as a use of the session.
    mutating func use(_ token: LoginToken, at now: Int64) -> Verdict {
        sweep(at: now)
        guard isAlive(token, at: now) else {
            seen[token.session] = nil
            return .over
        }
        let last = max(seen[token.session]?.lastUse ?? 0, now)
        seen[token.session] = Seen(user: token.user, authenticated: token.authenticatedMilliseconds, lastUse: last)
        return .alive(reissue: now - token.issuedMilliseconds >= Self.reissueMilliseconds)
    }

    /// The same judgement without counting it as a use.
    func isAlive(_ token: LoginToken, at now: Int64) -> Bool {
        guard ended[token.session] == nil, token.authenticatedMilliseconds <= token.issuedMilliseconds else {
            return false
        }
        guard token.authenticatedMilliseconds > endedUsers[token.user] ?? .min else { return false }
        guard token.issuedMilliseconds <= now + Self.toleranceMilliseconds else { return false }
        guard now - token.authenticatedMilliseconds < Self.absoluteMilliseconds else { return false }
        return now - max(token.issuedMilliseconds, seen[token.session]?.lastUse ?? token.issuedMilliseconds)
            < Self.idleMilliseconds
    }

    /// Returns when it may be forgotten that this session was ended.
    @discardableResult
    mutating func end(_ session: [UInt8], at now: Int64) -> Int64 {
        let until = now + Self.absoluteMilliseconds + Self.toleranceMilliseconds
        seen[session] = nil
        ended[session] = until
        return until
    }

    /// Ends all sessions of a user that began until `moment`.
    mutating func endAll(of user: String, until moment: Int64) {
        endedUsers[user] = max(endedUsers[user] ?? .min, moment)
        seen = seen.filter { $0.value.user != user || $0.value.authenticated > moment }
    }

    /// Forgets what no longer matters, once a minute.
    private mutating func sweep(at now: Int64) {
        guard now - swept >= 60_000 || now < swept else { return }
        swept = now
        seen = seen.filter { now - $0.value.lastUse < Self.absoluteMilliseconds }
        endedUsers = endedUsers.filter { now - $0.value < Self.absoluteMilliseconds + Self.toleranceMilliseconds }
        ended = ended.filter { now < $0.value }
    }
}

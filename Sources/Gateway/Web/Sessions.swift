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

    private var lastUse: [[UInt8]: Int64] = [:]
    /// Sessions ended before their time, until no token of theirs could be good any more.
    private var ended: [[UInt8]: Int64]
    private var swept: Int64 = 0

    init(ended: [[UInt8]: Int64] = [:]) { self.ended = ended }

    /// Judges a token whose seal is right, and counts the request as a use of the session.
    mutating func use(_ token: LoginToken, at now: Int64) -> Verdict {
        sweep(at: now)
        guard isAlive(token, at: now) else {
            lastUse[token.session] = nil
            return .over
        }
        lastUse[token.session] = max(lastUse[token.session] ?? 0, now)
        return .alive(reissue: now - token.issuedMilliseconds >= Self.reissueMilliseconds)
    }

    /// The same judgement without counting it as a use.
    func isAlive(_ token: LoginToken, at now: Int64) -> Bool {
        guard ended[token.session] == nil, token.authenticatedMilliseconds <= token.issuedMilliseconds else {
            return false
        }
        guard token.issuedMilliseconds <= now + Self.toleranceMilliseconds else { return false }
        guard now - token.authenticatedMilliseconds < Self.absoluteMilliseconds else { return false }
        return now - max(token.issuedMilliseconds, lastUse[token.session] ?? token.issuedMilliseconds)
            < Self.idleMilliseconds
    }

    /// Returns when it may be forgotten that this session was ended.
    @discardableResult
    mutating func end(_ session: [UInt8], at now: Int64) -> Int64 {
        let until = now + Self.absoluteMilliseconds + Self.toleranceMilliseconds
        lastUse[session] = nil
        ended[session] = until
        return until
    }

    /// Forgets what no longer matters, once a minute.
    private mutating func sweep(at now: Int64) {
        guard now - swept >= 60_000 || now < swept else { return }
        swept = now
        lastUse = lastUse.filter { now - $0.value < Self.absoluteMilliseconds }
        ended = ended.filter { now < $0.value }
    }
}

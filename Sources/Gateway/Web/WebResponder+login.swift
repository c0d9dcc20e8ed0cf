import HTTPTypes
import Hummingbird
import Logging
import Messages
import NIOCore
import Sodium
import Spool

extension WebResponder {
    private struct Account: Encodable {
        var user: String
        var uid: UInt32
        var token: String?
        /// Tells sessions apart without giving the id away.
        var session: String?
        /// Unix milliseconds; the session ends then at the latest.
        var expires: Int64
    }

    /// Whatever is wrong with a name and a password, the answer is the same.
    func login(_ asked: Asked) async throws -> Response {
        struct Wish: Decodable {
            var user: String
            var password: String
        }
        let wish = try decode(Wish.self, from: asked)
        guard PasswordCheck.isPlausible(user: wish.user, password: wish.password) else { throw Refusal.loginFailed }
        guard let passwords else {
            throw Refusal(.serviceUnavailable, .busy, "This gateway has no login helper; log in by a code.")
        }
        let attempt = LoginLimiter.Attempt(user: wish.user, address: asked.address)
        try gate.beginLogin(attempt)
        let question = PasswordCheck.Question(user: wish.user, password: wish.password, address: asked.address)
        guard let account = try await passwords.ask(question), accounts.mayLogInByPassword(account.uid) else {
            asked.context.logger.notice("login failed", metadata: ["user": "\(wish.user.debugDescription)"])
            throw Refusal.loginFailed
        }
        gate.loginSucceeded(attempt)
        return try loggedIn(account.user, account.uid, asked)
    }

    func loginByCode(_ asked: Asked) throws -> Response {
        struct Wish: Decodable { var code: String }
        let wish = try decode(Wish.self, from: asked)
        // A code is too long to be guessed, so a right one counts however many wrong ones came from the same address.
        guard let account = codes?.take(wish.code, atUnixSeconds: Int(WallClock.system.now() / 1000)),
            accounts.mayLogInByCode(account.uid)
        else {
            try gate.beginLogin(LoginLimiter.Attempt(user: "", address: asked.address))
            throw Refusal.loginFailed
        }
        return try loggedIn(account.user, account.uid, asked)
    }

    private func loggedIn(_ user: String, _ uid: UInt32, _ asked: Asked) throws -> Response {
        let visitor = gate.open(user: user, uid: uid)
        let token = gate.seal(visitor)
        var response = try Response.json(Account(user: user, uid: uid, token: token, expires: visitor.expires))
        response.headers.append(HTTPField(name: .setCookie, value: gate.cookie(token)))
        asked.context.logger.info(
            "logged in", metadata: ["user": "\(user.debugDescription)", "from": "\(asked.address)"])
        return response
    }

    /// Ends the session; with `"cancel":true` what it asked for and no node has taken is cancelled as well.
    func logout(_ asked: Asked) async throws -> Response {
        struct Wish: Decodable { var cancel: Bool? }
        struct Answer: Encodable { var cancelled: Int }
        let visitor = try asked.requireVisitor()
        if asked.body.readableBytes > 0, try decode(Wish.self, from: asked).cancel == true {
            let identity = visitor.identity
            let cancelled = try await revoke([identity.session: identity.user], user: nil, by: identity, asked)
            var response = try Response.json(Answer(cancelled: cancelled))
            response.headers.append(HTTPField(name: .setCookie, value: gate.expiredCookie))
            return response
        }
        do throws(SystemError) {
            try gate.end(visitor)
        } catch {
            asked.context.logger.error("a logout will not outlive this process", metadata: ["reason": "\(error)"])
        }
        openConnections.close(session: visitor.identity.session)
        return Response(status: .noContent, headers: [.setCookie: gate.expiredCookie])
    }

    func whoami(_ asked: Asked) throws -> Response {
        let visitor = try asked.requireVisitor()
        return try .json(
            Account(
                user: visitor.identity.user, uid: visitor.identity.uid,
                session: SessionView.name(of: visitor.identity.session),
                expires: visitor.expires))
    }
}

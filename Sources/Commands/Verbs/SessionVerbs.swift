import ArgumentParser
import Glibc

/// `estiba login`: name and password for a token that is kept for this user.
struct LoginVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login", abstract: "Log in with your account's name and password.",
        discussion: """
            The password is asked for, or read as one line from stdin where that is no terminal. The token is kept in \
            ~/.config/estiba for you alone.

            Examples:
              estiba login
              estiba login --gateway https://estiba.example.org --user ana
            """)

    @Option(help: "The gateway's address; otherwise ESTIBA_GATEWAY, or the last one.")
    var gateway: String?

    @Option(help: "The account's name; otherwise yours on this machine.")
    var user: String?

    func run() async throws {
        var login = StoredLogin.current()
        if let gateway { login.gateway = gateway }
        login.token = nil
        let name = user ?? Self.localName
        guard let password = Password.read(prompt: "Password of \(name) at \(login.gateway): ") else {
            throw CommandError.usage("no password was given")
        }
        let answer: Login = try await Gateway(login).post("login", Credentials(user: name, password: password))
        try StoredLogin(gateway: login.gateway, token: answer.token, user: answer.user).save()
        StandardStreams.say("logged in as \(answer.user)")
    }

    private static var localName: String {
        getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? Environment.all["USER"] ?? ""
    }
}

/// `estiba logout`: ends the session and forgets the token.
struct LogoutVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logout", abstract: "End the session and forget its token. What runs goes on.",
        discussion: """
            With --cancel the session is revoked: what you asked for in it and no node has taken yet is cancelled, and no \
            node takes an order of it any more.

            Examples:
              estiba logout
              estiba logout --cancel
            """)

    @Flag(help: "Cancel what waits for a node.")
    var cancel = false

    @Flag(help: "One JSON object: how many runs were cancelled.")
    var json = false

    private struct Wish: Encodable { var cancel: Bool }
    private struct Cancelled: Codable { var cancelled = 0 }

    func run() async throws {
        let gateway = try Gateway.loggedIn()
        var answer = Cancelled()
        do {
            if cancel {
                answer = try await gateway.post("logout", Wish(cancel: true))
            } else {
                try await gateway.post("logout", Wish(cancel: false))
            }
        } catch CommandError.loginEnded where !cancel {
            // The session was over already, which is what is wanted.
        }
        StoredLogin.forget()
        if json { StandardStreams.emit(StateLine.line(answer)) }
        StandardStreams.say(cancel ? "logged out, \(SessionsVerb.runs(answer.cancelled)) cancelled" : "logged out")
    }
}

/// `estiba whoami`.
struct WhoamiVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "whoami", abstract: "Show who you are to the gateway.",
        discussion: "Examples:\n  estiba whoami\n  estiba whoami --json")

    @Flag(help: "One JSON object.")
    var json = false

    func run() async throws {
        let gateway = try Gateway.loggedIn()
        let me: Identity = try await gateway.get("whoami")
        if json {
            StandardStreams.emit(StateLine.line(me))
        } else {
            StandardStreams.print(me.user)
        }
    }
}

import ArgumentParser

/// `estiba sessions`: who is logged in at the gateway, and the end of that before its time.
struct SessionsVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions", abstract: "List login sessions, and revoke them.",
        discussion: """
            You see and revoke your own; an operator (the gateway's setting `operators`) everybody's.

            Examples:
              estiba sessions
              estiba sessions revoke 0f3a5c7e9b1d2f40
              estiba sessions revoke --user ana
            """,
        subcommands: [List.self, Revoke.self], defaultSubcommand: List.self)

    private struct Session: Codable {
        var session: String
        var user: String
        /// Unix milliseconds, as the others.
        var authenticated: Int64
        var lastUse: Int64
        var expires: Int64
        var own: Bool?
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the sessions that this gateway has seen.",
            discussion: "Example:\n  estiba sessions list --json")

        private struct Answer: Decodable { var sessions: [Session] }

        @Flag(help: "One JSON object a line.")
        var json = false

        func run() async throws {
            let sessions = try await Gateway.loggedIn().get("sessions", as: Answer.self).sessions
            if json { return sessions.forEach { StandardStreams.emit(StateLine.line($0)) } }
            let rows = sessions.map { one in
                [
                    one.session, one.user, Moment.text(one.authenticated), Moment.text(one.lastUse),
                    Moment.text(one.expires), one.own == true ? "this one" : "",
                ]
            }
            Table.print([["SESSION", "USER", "SINCE", "LAST USED", "ENDS BY", ""]] + rows)
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End sessions at once; what waits in them is cancelled, what runs goes on.",
            discussion: """
                Nodes take no order of a revoked session any more, whatever gateway it comes from.

                Examples:
                  estiba sessions revoke 0f3a5c7e9b1d2f40
                  estiba sessions revoke --user ana --json
                """)

        private struct Wish: Encodable {
            var sessions: [String]?
            var user: String?
        }

        private struct Answer: Codable {
            var revoked: [String]
            var cancelled: Int
        }

        @Argument(help: "Sessions, as `estiba sessions` lists them.")
        var sessions: [String] = []

        @Option(help: "All sessions of this user that began before now.")
        var user: String?

        @Flag(help: "One JSON object: what was revoked, and how many runs were cancelled.")
        var json = false

        func validate() throws {
            guard sessions.isEmpty == (user != nil) else { throw ValidationError("Name sessions, or a --user.") }
        }

        func run() async throws {
            let answer: Answer = try await Gateway.loggedIn().post(
                "sessions/revoke", Wish(sessions: sessions.isEmpty ? nil : sessions, user: user))
            if json { return StandardStreams.emit(StateLine.line(answer)) }
            for session in answer.revoked { StandardStreams.print("\(session) revoked") }
            StandardStreams.say("\(SessionsVerb.runs(answer.cancelled)) cancelled")
        }
    }

    static func runs(_ count: Int) -> String { "\(count) waiting run\(count == 1 ? "" : "s")" }
}

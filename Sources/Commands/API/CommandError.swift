/// Why a command ends without having done what was asked, and the exit code that says so.
enum CommandError: Error, Equatable {
    /// The words on the command line make no sense together.
    case usage(String)
    case notLoggedIn(gateway: String)
    /// The gateway does not take the token: its session is over, or it never was one.
    case loginEnded(gateway: String)
    /// The gateway does not answer.
    case away(gateway: String, reason: String)
    case refused(status: UInt, Reason)
    /// The gateway says something that this version does not understand.
    case misunderstood(String)
    /// A file or a call of this machine.
    case local(String)

    var exitCode: Int32 {
        switch self {
        case .usage: 2
        case .notLoggedIn, .loginEnded: 77
        case .away: 69
        case .refused(let status, let reason):
            if status == 401 || status == 403 { 77 } else if Self.isUsage(reason.code) { 2 } else { 125 }
        case .misunderstood, .local: 1
        }
    }

    /// Codes by which the gateway refuses a request for what the user typed.
    private static func isUsage(_ code: String) -> Bool {
        ["bad_command", "bad_request", "no_nodes", "bad_name"].contains(code)
    }

    /// What people read; the last line on stderr.
    var sentence: String {
        switch self {
        case .usage(let sentence), .local(let sentence): sentence
        case .notLoggedIn(let gateway): "not logged in at \(gateway): `estiba login` first, or set ESTIBA_TOKEN"
        case .loginEnded(let gateway):
            "the login at \(gateway) has ended: `estiba login` again, or set another ESTIBA_TOKEN"
        case .away(let gateway, let reason): "the gateway \(gateway) is away: \(reason)" + Self.hint(gateway)
        case .misunderstood(let what): "the gateway's answer is not understood: \(what)"
        case .refused(_, let reason): "\(reason.code): \(reason.sentence)"
        }
    }

    /// What helps where the gateway should be on this machine.
    private static func hint(_ gateway: String) -> String {
        let isHere = ["http://127.", "http://localhost:"].contains { gateway.hasPrefix($0) }
        return isHere ? "; `estiba up` starts one on this machine" : ""
    }
}

import Glibc
import PAM

/// Decides a question; blocks for as long as the account database and PAM do.
struct PasswordJudge: Sendable {
    let service: PAM.Service
    let minimumUID: UInt32

    /// Shells that mean "no login"; PAM lets them pass.
    private static let closedShells: Set<String> = ["nologin", "false", "true", "sync", "halt", "shutdown"]

    func answer(_ question: Question) -> Answer {
        guard question.isProper, let account = Account(named: question.user) else { return .refused }
        guard mayLogIn(account) else { return .refused }
        let isRight = PAM.logIn(user: account.name, password: question.password, service: service)
        return isRight ? .granted(user: account.name, uid: account.uid) : .refused
    }

    /// Root never logs in by a password, whatever the minimum.
    private func mayLogIn(_ account: Account) -> Bool {
        guard account.uid != 0, account.uid >= minimumUID else { return false }
        let shell = account.shell.split(separator: "/").last.map(String.init) ?? "sh"
        return !Self.closedShells.contains(shell)
    }
}

/// An entry of the account database.
private struct Account {
    let name: String
    let uid: UInt32
    let shell: String

    init?(named name: String) {
        var entry = passwd()
        var buffer = [CChar](repeating: 0, count: 65_536)
        var found: UnsafeMutablePointer<passwd>?
        guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        self.name = String(cString: entry.pw_name)
        uid = entry.pw_uid
        shell = String(cString: entry.pw_shell)
        // A database that takes other spellings gives its own; the two must not part.
        guard self.name == name else { return nil }
    }
}

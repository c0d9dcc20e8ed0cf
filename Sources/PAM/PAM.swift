import CPAM
import Glibc

/// What PAM says about accounts. Calls block, for seconds where a password is wrong: never on a thread that others
/// wait for.
package enum PAM {
    /// A service file by name, from the system's folder or one of our own.
    package struct Service: Hashable, Sendable {
        package var name: String
        /// Nil: `/etc/pam.d`.
        package var folder: String?

        package init(_ name: String, folder: String? = nil) {
            self.name = name
            self.folder = folder
        }
    }

    /// Whether an account may be used now.
    package enum Account: Hashable, Sendable {
        case usable
        /// The account itself, or a password that had to be changed long ago.
        case expired
        /// Refused by PAM for any other reason: locked, not at this time, not at this place.
        case locked
        case unknown
        /// PAM could not say.
        case failed(code: Int32)
    }

    /// Keeps the modules of a service loaded while it lives: a look at an account then costs a fraction of a millisecond.
    package final class Loaded: @unchecked Sendable {
        private let transaction: Transaction?

        package init(_ service: Service) {
            transaction = try? Transaction(user: "root", service: service, password: nil)
        }
    }

    /// Whether this is the user's password. No delay of PAM's own after a wrong one: the caller has a fixed deadline.
    package static func authenticate(user: String, password: String, service: Service) -> Bool {
        let transaction = try? Transaction(user: user, service: service, password: password)
        return transaction?.authenticate() == PAM_SUCCESS
    }

    /// Whether the account may be used, whatever its password. As root it also finds a password that was locked
    /// (`passwd -l`), which the modules themselves let pass.
    package static func account(user: String, service: Service) -> Account {
        do throws(Transaction.Refused) {
            let account = try Transaction(user: user, service: service).account()
            return account == .usable && hasLockedPassword(user) ? .locked : account
        } catch {
            return .failed(code: error.code)
        }
    }

    /// Both, in one transaction, as a login wants it.
    package static func logIn(user: String, password: String, service: Service) -> Bool {
        guard let transaction = try? Transaction(user: user, service: service, password: password) else { return false }
        return transaction.authenticate() == PAM_SUCCESS && transaction.account() == .usable
    }

    /// A `!` in front of a password's hash (shadow(5)); `!` or `*` alone never had a password, which is no lock.
    private static func hasLockedPassword(_ user: String) -> Bool {
        var entry = spwd()
        var buffer = [CChar](repeating: 0, count: 16_384)
        var found: UnsafeMutablePointer<spwd>?
        guard getspnam_r(user, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return false }
        let password = String(cString: entry.sp_pwdp)
        return password.hasPrefix("!") && password.contains { $0 != "!" && $0 != "*" }
    }
}

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

    /// Whether this is the user's password. No delay of PAM's own after a wrong one: the caller has a fixed deadline.
    package static func authenticate(user: String, password: String, service: Service) -> Bool {
        guard let transaction = try? Transaction(user: user, service: service, password: password) else { return false }
        return transaction.authenticate() == PAM_SUCCESS
    }

    /// Whether the account may be used, whatever its password.
    package static func account(user: String, service: Service) -> Account {
        guard let transaction = try? Transaction(user: user, service: service, password: nil) else {
            return .failed(code: PAM_SYSTEM_ERR)
        }
        return transaction.account()
    }

    /// Both, in one transaction, as a login wants it.
    package static func logIn(user: String, password: String, service: Service) -> Bool {
        guard let transaction = try? Transaction(user: user, service: service, password: password) else { return false }
        return transaction.authenticate() == PAM_SUCCESS && transaction.account() == .usable
    }
}

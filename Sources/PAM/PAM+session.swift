import CPAM

extension PAM {
    /// PAM refused a session, with this code of its own.
    package struct SessionRefused: Error, Hashable, Sendable {
        package let code: Int32
    }

    /// Opens a session for a command that the calling process is about to become: limits and credentials are the
    /// caller's own from then on. Returns what PAM wants in the environment, as `NAME=value`.
    ///
    /// The transaction is never ended: the caller execs. `closeSession` in another process is its counterpart.
    package static func openSession(user: String, service: Service) throws(SessionRefused) -> [String] {
        do throws(Transaction.Refused) {
            let transaction = try Transaction(user: user, service: service)
            try transaction.openSession()
            let environment = transaction.environment()
            _ = Unmanaged.passRetained(transaction)
            return environment
        } catch {
            throw SessionRefused(code: error.code)
        }
    }

    /// Closes what another process opened.
    package static func closeSession(user: String, service: Service) {
        try? Transaction(user: user, service: service).closeSession()
    }
}

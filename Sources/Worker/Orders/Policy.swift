import Messages

/// Who may run here: the worker's own word, whatever a gateway has let through.
struct Policy: Equatable, Sendable {
    /// Accounts below it are the system's.
    var minimumUID: UInt32 = 1000
    /// Accounts that may run although they are below the minimum.
    var allowedUIDs: Set<UInt32> = []
    /// What no run may exceed, asked for or not.
    var mostOfRun = RunLimits()

    func mayRun(uid: UInt32) -> Bool {
        uid >= minimumUID && uid != .max || allowedUIDs.contains(uid)
    }

    /// Judges the account that was found for an order; nil when it may run.
    func refusal(of account: Account?, user: String, uid: UInt32, node: NodeName) -> Failure? {
        guard let account else { return Failure(.noSuchUser, "\(node) has no user \(user)") }
        guard account.uid == uid else {
            return Failure(
                .uidDiffers,
                "\(user) has uid \(account.uid) on \(node) and \(uid) at the gateway; make the two the same")
        }
        guard mayRun(uid: uid) else {
            return Failure(
                .notPermitted, "\(node) runs nothing for uid \(uid): it is below its minimum of \(minimumUID)")
        }
        guard account.hasRealShell else {
            return Failure(.accountLocked, "\(user) has no login shell on \(node) (\(account.shell))")
        }
        return nil
    }
}

import Messages
import PAM

/// Asks the node's own directory and PAM whether an account may run here now. Blocks: for a chore, not for the loop.
struct AccountCheck: Sendable {
    let node: NodeName
    let policy: Policy
    /// Nil where the worker is not root and PAM would know nothing.
    let service: PAM.Service?
    private let loaded: PAM.Loaded?

    init(node: NodeName, policy: Policy, service: PAM.Service?) {
        self.node = node
        self.policy = policy
        self.service = service
        loaded = service.map { PAM.Loaded($0) }
    }

    func check(user: String, uid: UInt32) -> Result<Account, Failure> {
        let account = Account.named(user)
        if let refusal = policy.refusal(of: account, user: user, uid: uid, node: node) { return .failure(refusal) }
        guard let account else { return .failure(Failure(.noSuchUser, "\(node) has no user \(user)")) }
        guard let service else { return .success(account) }
        switch PAM.account(user: user, service: service) {
        case .usable: return .success(account)
        case .expired: return .failure(Failure(.accountExpired, "the account \(user) has expired on \(node)"))
        case .locked: return .failure(Failure(.accountLocked, "the account \(user) is locked on \(node)"))
        case .unknown: return .failure(Failure(.noSuchUser, "PAM on \(node) knows no user \(user)"))
        case .failed(let code):
            return .failure(Failure(.notPermitted, "PAM on \(node) could not judge \(user) (PAM code \(code))"))
        }
    }
}

import Messages

/// Keeps the copy of a log open, and growing, as long as it is kept.
final class MirrorHold: Sendable {
    private let mirrors: Mirrors
    private let id: ExecutionID

    init(mirrors: Mirrors, id: ExecutionID) { (self.mirrors, self.id) = (mirrors, id) }

    deinit { mirrors.letGo(id) }

    /// Waits until the copy has all that the owner had when this was called, or the owner does not answer; throws what
    /// makes that impossible.
    @discardableResult
    func isCaughtUp() async throws(Failure) -> Bool {
        switch await mirrors.settled(id) {
        case .caughtUp: return true
        case .behind, .ownerAway: return false
        case .failed(let failure): throw failure
        }
    }
}

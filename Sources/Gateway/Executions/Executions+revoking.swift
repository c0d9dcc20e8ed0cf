import Messages

/// Sessions that were revoked: what they asked for and no node has taken is not given to one any more.
extension Executions {
    /// Nothing is taken on for these sessions any more, besides those that were noted before and stand.
    func noteRevoked(_ revocations: [Journal.Revocation], at now: Int64) {
        revoked = revoked.filter { $0.value > now }
        for one in revocations { if let session = one.session { revoked[session] = one.until } }
    }

    /// Of a session that was revoked while its request was being written down.
    func cancelIfRevoked(_ session: [UInt8]) {
        guard revoked[session] != nil else { return }
        let runs = dispatcher.executions.filter { $0.value.head.session == session }
        perform(
            runs.sorted { $0.key < $1.key }.map { id, execution in
                let wish = StopWish(graceMilliseconds: execution.head.graceMilliseconds, user: StopWish.revocation)
                return .stopWished(id, runs: execution.runs.indices.filter { execution.runs[$0].isQueued }, wish)
            })
    }

    /// The sessions of a user, or of all, that have runs which no node has taken yet.
    func queuedSessions(of user: String?) -> [[UInt8]: String] {
        var found: [[UInt8]: String] = [:]
        for execution in dispatcher.executions.values where user == nil || execution.head.user == user {
            guard found[execution.head.session] == nil, execution.runs.contains(where: \.isQueued) else { continue }
            found[execution.head.session] = execution.head.user
        }
        return found
    }

    /// Cancels every run of these sessions that no node has taken; the wishes are on the disk when it returns how many.
    ///
    /// A node that may have been given the order is told to stop it; what it has begun by then ends as by any stop.
    @discardableResult
    func cancelQueued(of sessions: Set<[UInt8]>) async throws(Failure) -> Int {
        var wishes: [(id: ExecutionID, runs: [Int], wish: StopWish)] = []
        for (id, execution) in dispatcher.executions where sessions.contains(execution.head.session) {
            let runs = execution.runs.indices.filter { execution.runs[$0].isQueued }
            guard !runs.isEmpty else { continue }
            let wish = StopWish(graceMilliseconds: execution.head.graceMilliseconds, user: StopWish.revocation)
            wishes.append((id, runs, wish))
        }
        guard !wishes.isEmpty else { return 0 }
        let wished = wishes.sorted { $0.id < $1.id }
        try await journal { try await $0.wish(wished) }
        perform(wished.map { .stopWished($0.id, runs: $0.runs, $0.wish) })
        return wished.reduce(0) { $0 + $1.runs.count }
    }
}

extension Run {
    /// No node has taken it, and nobody has stopped it.
    fileprivate var isQueued: Bool { !state.isTerminal && !isAcknowledged && stop == nil }
}

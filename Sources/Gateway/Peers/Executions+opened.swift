import Messages

/// An execution whose output is read: keep it as long as the reading lasts.
struct OpenedOutput: Sendable {
    /// `complete` where there is nothing more to come here.
    let view: ExecutionView
    let changes: Changes<Int, RunView>
    /// Nil where the log is this gateway's own.
    let hold: MirrorHold?
    let owner: Principal

    /// Since when the gateway is away that has the rest of the output; nil where nothing is missing.
    var awaySince: Int64? { view.complete ? nil : view.ownerAwaySince }
}

extension Executions {
    /// Makes the log of an execution readable here, whosever it is; another user's looks like one that is not there.
    ///
    /// With `whole` it returns when all of another gateway's log is here that there was, or its owner does not answer.
    func opened(_ id: ExecutionID, user: String, whole: Bool) async throws(Failure) -> OpenedOutput {
        var hold: MirrorHold?
        var owner = surroundings.owner
        if dispatcher.executions[id] == nil, let other = try await surroundings.others.find(id, user: user) {
            owner = other.owner
            hold = try await surroundings.mirrors?.hold(other)
            if whole { try await hold?.isCaughtUp() }
        }
        // Who subscribes before looking misses nothing in between.
        let changes = await changes(of: id)
        var view = try await show(id, user: user)
        if hold != nil { view.complete = await surroundings.others.isOver(id) }
        return OpenedOutput(view: view, changes: changes, hold: hold, owner: owner)
    }

    /// Since when other gateways are away, each time that changes.
    var ownerChanges: Changes<Principal, PeerView> { surroundings.others.ownerFeed.subscribe() }
}

import Bus
import Messages

/// What readers see.
extension Others {
    /// Nil for what is not known, and for another user's.
    func find(_ id: ExecutionID, user: String? = nil) async throws(Failure) -> Other? {
        var found = known[id]
        if found == nil { found = try? await journal.other(id) }
        guard let found, user == nil || found.head.user == user else { return nil }
        return known[id] ?? found
    }

    /// The runs that change from now on; ends when the execution is complete, and its log here too where it is open. Nil
    /// where nothing will change.
    func changesIfKnown(of id: ExecutionID) -> Changes<Int, RunView>? {
        guard known[id] != nil, !isOver(id) else { return nil }
        let feed = feeds[id] ?? Feed()
        feeds[id] = feed
        return feed.subscribe()
    }

    func view(_ other: Other, withRuns: Bool) -> ExecutionView {
        let id = other.head.id
        var view = ExecutionView(other.head, complete: other.isComplete)
        if withRuns {
            view.take(other.execution.runs) { number, run in self.view(run, number, of: id, copied: other.copied) }
        } else {
            view.count(other.execution.runs)
        }
        view.owner = other.owner.name
        view.ownerAwaySince = awaySince(other.owner)
        return view
    }

    func view(_ run: Run, _ number: Int, of id: ExecutionID, copied: [UInt64]) -> RunView {
        let copied = mirrored[id]?[number] ?? (copied.indices.contains(number) ? copied[number] : 0)
        return run.view(number, copied: copied, awaySince: run.state.isTerminal ? nil : nodes.awaySince(run.node))
    }

    /// Without runs, of those that are at hand.
    func views(of ids: [ExecutionID]) -> [ExecutionID: ExecutionView] {
        ids.reduce(into: [:]) { views, id in views[id] = known[id].map { view($0, withRuns: false) } }
    }

    /// The run on a node, of those that are at hand.
    func runs(of ids: [ExecutionID], on node: NodeName) -> [ExecutionID: RunOnNode] {
        ids.reduce(into: [:]) { runs, id in
            guard let other = known[id], let number = other.execution.number(of: node) else { return }
            runs[id] = RunOnNode(
                execution: view(other, withRuns: false),
                run: view(other.execution.runs[number], number, of: id, copied: other.copied))
        }
    }

    func awaySince(of owners: Set<Principal>) -> [Principal: Int64] {
        owners.reduce(into: [:]) { since, owner in since[owner] = awaySince(owner) }
    }

    func awaySince(_ owner: Principal) -> Int64? {
        if let peer = peers[owner] { return peer.awaySince }
        // Not heard of since the start, and perhaps not in the registry any more.
        return Moment.now().unixMilliseconds - startedMilliseconds > 2000 ? startedMilliseconds : nil
    }
}

import Messages

/// Stopping what belongs to other gateways.
extension Executions {
    /// Wishes runs of another gateway's execution stopped. The wish is on the disk when it returns: at its owner, or here
    /// until the owner is back.
    func stop(
        _ other: Other, nodes: [String]?, graceMilliseconds: UInt64?, by identity: Identity
    ) async throws(Failure) {
        let runs = try Self.runs(on: nodes, of: other.execution).filter { !other.execution.runs[$0].state.isTerminal }
        guard !runs.isEmpty else { return }
        try await hand(other, runs, graceMilliseconds, identity)
    }

    private func hand(
        _ other: Other, _ runs: [Int], _ graceMilliseconds: UInt64?, _ identity: Identity
    ) async throws(Failure) {
        let grace = min(graceMilliseconds ?? other.head.graceMilliseconds, RequestCheck.longestGraceMilliseconds)
        let nodes = runs.map { ($0, other.execution.runs[$0].node) }
        let wish = OwedStops.Wish(
            execution: other.head.id, identity: identity, nodes: Dictionary(uniqueKeysWithValues: nodes),
            graceMilliseconds: grace)
        try await journal { _ in try await surroundings.stops?.add(wish) }
    }

    /// A user's live runs on nodes, of other gateways' executions: each that answers is asked, for the others what they told
    /// last counts.
    func stopOthers(
        on names: [String], graceMilliseconds: UInt64?, by identity: Identity
    ) async throws(Failure) -> [StoppingView] {
        var stopping: [StoppingView] = []
        let nodes = Set(names.compactMap { NodeName($0) })
        for peer in await surroundings.others.owners() {
            if await surroundings.others.isPresent(peer),
                let taken = try? await surroundings.stops?.stopAll(
                    peer, on: names, graceMilliseconds: graceMilliseconds, by: identity)
            {
                stopping += taken
                continue
            }
            for other in await surroundings.others.live(of: peer, user: identity.user) {
                let runs = other.execution.runs.indices.filter { number in
                    let run = other.execution.runs[number]
                    return nodes.contains(run.node) && !run.state.isTerminal
                }
                guard !runs.isEmpty else { continue }
                try await hand(other, runs, graceMilliseconds, identity)
                let meant = runs.map { other.execution.runs[$0].node }.sorted().map(\.description)
                stopping.append(StoppingView(execution: other.head.id.description, nodes: meant))
            }
        }
        return stopping
    }

    /// What another gateway hands on to this one.
    func take(_ wish: WireStopHandedOn, of id: ExecutionID) async throws(Failure) -> WireStopTaken {
        guard let identity = Identity(wish) else { throw Failure(.badRequest, "The wish names nobody.") }
        if dispatcher.executions[id] == nil, try await surroundings.others.find(id) != nil {
            // It is another gateway's; what is handed on once is not handed on again.
            throw Failure(.busy, "Execution \(id) belongs to another gateway.")
        }
        try await stop(
            id, nodes: wish.nodes.isEmpty ? nil : wish.nodes,
            graceMilliseconds: wish.hasGraceMilliseconds ? wish.graceMilliseconds : nil, by: identity)
        return WireStopTaken()
    }

    func takeAll(_ wish: WireStopHandedOn) async throws(Failure) -> WireStopTaken {
        guard let identity = Identity(wish) else { throw Failure(.badRequest, "The wish names nobody.") }
        let stopping = try await stopOwn(
            on: wish.nodes, graceMilliseconds: wish.hasGraceMilliseconds ? wish.graceMilliseconds : nil, by: identity)
        var taken = WireStopTaken()
        taken.stopping = stopping.map { view in
            var one = WireStopTaken.Stopping()
            one.execution = .init(ExecutionID(view.execution)?.bytes ?? [])
            one.nodes = view.nodes
            return one
        }
        return taken
    }
}

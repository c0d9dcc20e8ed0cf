import Messages

extension Executions {
    /// Wishes all of a user's live runs on these nodes stopped, of the executions of every gateway. The wishes are on the disk
    /// when it returns; what it returns is each execution with the nodes meant.
    ///
    /// A node that is not registered throws `unknown_node`, none at all `no_nodes`.
    func stopAll(
        on names: [String], graceMilliseconds: UInt64?, by identity: Identity
    ) async throws(Failure) -> [StoppingView] {
        let own = try await stopOwn(on: names, graceMilliseconds: graceMilliseconds, by: identity)
        let others = try await stopOthers(on: names, graceMilliseconds: graceMilliseconds, by: identity)
        return (own + others).sorted { $0.execution < $1.execution }
    }

    /// The same of the executions that this gateway owns, in one transaction.
    func stopOwn(
        on names: [String], graceMilliseconds: UInt64?, by identity: Identity
    ) async throws(Failure) -> [StoppingView] {
        guard !names.isEmpty else { throw Failure(.noNodes, "Name at least one node.") }
        let strangers = names.filter { NodeName($0).map { !surroundings.nodes.isRegistered($0) } ?? true }
        guard strangers.isEmpty else { throw RequestCheck.unknown(strangers) }
        let nodes = Set(names.compactMap { NodeName($0) })
        var wishes: [(id: ExecutionID, runs: [Int], wish: StopWish)] = []
        var stopping: [StoppingView] = []
        for (id, execution) in dispatcher.executions where execution.head.user == identity.user {
            let runs = execution.runs.indices.filter { number in
                nodes.contains(execution.runs[number].node) && !execution.runs[number].state.isTerminal
            }
            guard !runs.isEmpty else { continue }
            let grace = min(
                graceMilliseconds ?? execution.head.graceMilliseconds, RequestCheck.longestGraceMilliseconds)
            wishes.append((id, runs, StopWish(graceMilliseconds: grace, user: identity.user)))
            let meant = runs.map { execution.runs[$0].node }.sorted().map(\.description)
            stopping.append(StoppingView(execution: id.description, nodes: meant))
        }
        guard !wishes.isEmpty else { return [] }
        let wished = wishes
        try await journal { try await $0.wish(wished) }
        perform(wishes.map { .stopWished($0.id, runs: $0.runs, $0.wish) })
        return stopping.sorted { $0.execution < $1.execution }
    }
}

/// An execution of which runs are being stopped, and on which nodes.
struct StoppingView: Encodable, Sendable, Equatable {
    var execution: String
    var nodes: [String]
}

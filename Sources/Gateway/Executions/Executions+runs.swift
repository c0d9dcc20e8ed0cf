import Messages

/// A run on a node, and the execution it is of, without its other runs.
struct RunOnNode: Encodable, Sendable {
    var execution: ExecutionView
    var run: RunView
}

extension Executions {
    /// The user's runs on a node, newest first; `before` is the execution of the last one of the page before.
    func runs(
        on node: NodeName, user: String, limit: Int, before: ExecutionID?
    ) async throws(Failure) -> [RunOnNode] {
        let limit = max(1, min(limit, 500))
        await surroundings.others.settle()
        let lines = try await journal { try await $0.runs(on: node, user: user, limit: limit, before: before) }
        let foreign = lines.compactMap { $0.owner == nil ? nil : $0.head.id }
        let others = await surroundings.others.runs(of: foreign, on: node)
        let away = await surroundings.others.awaySince(of: Set(lines.compactMap(\.owner)))
        return lines.map { line in
            if let other = others[line.head.id] { return other }
            if let live = dispatcher.executions[line.head.id] {
                let key = RunKey(execution: line.head.id, run: line.number)
                return RunOnNode(execution: view(live, withRuns: false), run: view(live.runs[line.number], key))
            }
            var view = ExecutionView(line.head, complete: line.isComplete)
            view.owner = (line.owner ?? surroundings.owner).name
            view.ownerAwaySince = line.owner.flatMap { away[$0] }
            return RunOnNode(
                execution: view,
                run: line.run.view(line.number, copied: line.copied, awaySince: nil))
        }
    }
}

import Logging
import Messages

/// Executions that this gateway has taken over.
extension Executions {
    /// What a node is told of an execution that was taken over.
    func adoption(_ term: UInt64) -> WireAdopted {
        var adopted = WireAdopted()
        adopted.owner = surroundings.owner.description
        adopted.term = term
        return adopted
    }

    /// Goes on with executions that are in the journal by now: what has not ended is owed to its nodes, and who reads here
    /// reads on.
    func adopt(_ ids: [ExecutionID], term: UInt64) async throws {
        for id in ids where dispatcher.executions[id] == nil {
            guard var entry = try await surroundings.journal.entry(id) else { continue }
            // A stop that was kept here for the owner is this gateway's own now.
            if let wish = await surroundings.stops?.adopted(id), !entry.isComplete {
                try await surroundings.journal.wish([(id, Array(wish.nodes.keys), wish.stop)])
                for run in wish.nodes.keys where entry.execution.runs.indices.contains(run) {
                    entry.execution.runs[run].stop = wish.stop
                }
            }
            try await surroundings.journal.forgetStop(of: id)
            let feed = await surroundings.others.release(id)
            if entry.isComplete {
                feed?.close()
                note(.execution(id))
            } else {
                feeds[id] = feed
                open(entry.execution, order: entry.order, adopted: term, isOld: true)
            }
            await surroundings.mirrors?.adopted(id)
            if entry.isComplete { surroundings.logs.finished(id) }
        }
        for (id, node, term) in try surroundings.journal.untold() { untold.add(id, node, term: term) }
        tellOwner()
    }

    /// Tells the nodes that are there whom their runs belong to.
    func tellOwner() {
        guard !untold.isEmpty else { return }
        let due = untold.due(present: dispatcher.present, at: Moment.now().steady)
        guard !due.isEmpty else { return }
        surroundings.bus(due.map { .adopted($0.execution, $0.node, adoption($0.term)) })
    }

    /// A node knows it; written with the next transaction.
    func forgetUntold(_ id: ExecutionID, _ node: NodeName) {
        guard untold.taken(id, node) else { return }
        pending.told(id, node)
        commit.yield()
    }
}

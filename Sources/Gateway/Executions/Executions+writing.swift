import Logging
import Messages

/// What must not be forgotten, on its way to the journal, and what may only be said after it.
extension Executions {
    /// Writes everything that waits in one transaction, and then says what was only to be said after it.
    func writePending() async {
        while !pending.isEmpty {
            let taken = pending.take()
            var changes: [Journal.Change] = taken.runs.compactMap { key in
                dispatcher[key].map { .run(key, $0, copied: copied[key.execution]?[key.run] ?? 0) }
            }
            for id in taken.complete {
                for (number, run) in (dispatcher.executions[id]?.runs ?? []).enumerated() {
                    let key = RunKey(execution: id, run: number)
                    changes.append(.run(key, run, copied: copied[id]?[number] ?? 0))
                }
                changes.append(.complete(id))
            }
            do {
                try await surroundings.journal.write(changes)
                if !taken.told.isEmpty { try await surroundings.journal.forgetUntold(taken.told) }
            } catch {
                pending.takeBack(taken)
                if Task.isCancelled { return }
                surroundings.logger.error("journal cannot be written", metadata: ["reason": "\(error)"])
                try? await Task.sleep(for: .seconds(1))
                continue
            }
            if !taken.acknowledgements.isEmpty {
                surroundings.bus(
                    taken.acknowledgements.map { .reported($0.execution, $0.node, sequence: $0.sequence) })
            }
            for id in taken.complete { close(id) }
        }
    }

    func close(_ id: ExecutionID) {
        perform([.closed(id)])
        orders[id] = nil
        copied[id] = nil
        completing.remove(id)
        surroundings.bulk.close(id)
        surroundings.logs.finished(id)
        feeds.removeValue(forKey: id)?.close()
    }
}

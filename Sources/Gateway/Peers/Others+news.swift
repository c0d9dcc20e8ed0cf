import Bus
import Messages
import SwiftProtobuf

/// What the owners tell.
extension Others {
    /// Takes what an owner told. Readers are told at once, the journal within 200 ms.
    func take(_ news: WireNews, from peer: Principal) async {
        var touched: [String: Set<ExecutionID>] = [:]
        for item in news.executions {
            guard let id = ExecutionID(bytes: item.execution), let user = await take(item, id, peer) else { continue }
            touched[user, default: []].insert(id)
        }
        for (user, ids) in touched {
            await tell(user, ids.compactMap { known[$0] }.map { view($0, withRuns: false) })
        }
    }

    /// The user whose execution it is, where anything changed.
    func take(_ item: WireExecutionNews, _ id: ExecutionID, _ peer: Principal) async -> String? {
        lacking[peer]?.remove(id)
        if item.gone {
            guard known[id]?.owner == peer || known[id] == nil else { return nil }
            forget(id)
            pending.gone.insert(id)
            return nil
        }
        if item.hasHead, known[id]?.owner != peer {
            guard let head = ExecutionHead(id, item.head) else { return nil }
            // What this gateway has taken over is its own.
            if (try? await journal.request(id)) != nil, (try? await journal.other(id)) == nil, known[id] == nil {
                return nil
            }
            begin(id, item.head, head, peer)
        }
        guard known[id]?.owner == peer, let index = known.index(forKey: id) else {
            lacking[peer, default: []].insert(id)
            return nil
        }
        let changed = item.runs.filter { known.values[index].take($0) }.map { Int($0.run) }
        pending.runs.formUnion(changed.map { RunKey(execution: id, run: $0) })
        if item.complete, !known.values[index].isComplete {
            known.values[index].complete(logEnd: item.logEnd)
            pending.complete.insert(id)
            pending.runs.formUnion(known.values[index].execution.runs.indices.map { RunKey(execution: id, run: $0) })
        }
        publish(id, changed)
        endFeedIfOver(id)
        return known[id]?.head.user
    }

    private func begin(_ id: ExecutionID, _ wire: WireExecutionHead, _ head: ExecutionHead, _ owner: Principal) {
        if known[id] != nil {
            // It was taken over by this gateway: what is known of it stays.
            known[id]?.owner = owner
            known[id]?.number = wire.number
        } else {
            known[id] = Other(owner: owner, number: wire.number, head: head)
        }
        pending.heads[id] = (owner, wire)
        pending.gone.remove(id)
    }

    /// A node tells its last word to this gateway too, which had the run stopped while the owner was away.
    nonisolated func witness(_ id: ExecutionID, _ node: NodeName, _ report: Dispatcher.Report) {
        wordsEnd.yield((id, node, report))
    }

    func witnessed(_ id: ExecutionID, _ node: NodeName, _ report: Dispatcher.Report) async {
        guard let number = known[id]?.execution.number(of: node), report.state.isTerminal else { return }
        let since = Moment.now().unixMilliseconds
        var run = Run(node: node, state: report.state, sequence: report.sequence, since: since, spool: report.spool)
        (run.leftOver, run.note) = (report.leftOver, report.note)
        (run.finalLength, run.remaining) = (report.finalLength, report.remaining)
        let news = WireRunNews.with {
            $0.run = UInt32(number)
            $0.report = run.report
            $0.sinceMilliseconds = since
        }
        guard known[id]?.execution.runs[number].state.isTerminal == false, known[id]?.take(news) == true,
            let other = known[id]
        else { return }
        pending.runs.insert(RunKey(execution: id, run: number))
        publish(id, [number])
        await tell(other.head.user, [view(other, withRuns: false)])
    }

    private func forget(_ id: ExecutionID) {
        known[id] = nil
        mirrored[id] = nil
        completedMirrors.remove(id)
        feeds.removeValue(forKey: id)?.close()
    }

    /// This gateway has taken the execution over: readers of its runs are given on.
    func release(_ id: ExecutionID) -> Feed<Int, RunView>? {
        known[id] = nil
        mirrored[id] = nil
        completedMirrors.remove(id)
        pending.heads[id] = nil
        pending.complete.remove(id)
        pending.runs = pending.runs.filter { $0.execution != id }
        return feeds.removeValue(forKey: id)
    }
}

import Gateway
import Messages

/// The copies of the spools, as `LogCopy` decides.
extension VirtualGateway {
    func openLog(_ id: ExecutionID, _ starts: [LogCopy.Start]) {
        var starts = starts
        for run in starts.indices { starts[run].position = logs[id]?.ends[run] ?? 0 }
        writing[id] = Writing(starts: starts)
        failed[id] = nil
        carryOut(copy.receive(.opened(id, starts), at: steady))
    }

    func reported(_ key: RunKey, spool: UInt64, finalLength: UInt64?) {
        writing[key.execution]?.starts[key.run].learn(spool, finalLength)
        failed[key.execution]?[key.run].learn(spool, finalLength)
        carryOut(copy.receive(.reported(key, spool: spool, finalLength: finalLength), at: steady))
    }

    func take(_ slice: Slice) {
        let node = world.keys.names[slice.node]
        guard let number = writing[slice.execution]?.starts.firstIndex(where: { $0.node == node }) else {
            return takeLate(slice, node)
        }
        let key = RunKey(execution: slice.execution, run: number)
        var position = slice.position
        // Without the check every slice begins where the copy ends.
        if world.scenario.defect == .gapCheck { position = min(position, copy.position(of: key)) }
        let judged = copy.receive(
            slice: key, spool: slice.spool, position: position, length: slice.length, at: steady)
        if judged.decision != .drop { owe(key, slice.spool) }
        if case .append(let cut) = judged.decision {
            // A log that cannot be written is given up for a moment, and what comes meanwhile with it.
            guard !isDiskFull else { return lose(slice.execution) }
            let at = logs[slice.execution]?.ends[number] ?? 0
            let length = UInt64(slice.length - cut)
            world.ledger.appended(
                Ledger.RunName(execution: slice.execution, node: slice.node), spool: slice.spool, at: at,
                source: slice.position + UInt64(cut), length: length)
            logs[slice.execution]?.append(number, to: at + length)
        }
        carryOut(judged.effects)
        carryOut(copy.endPass(at: steady))
    }

    /// A run that is complete, whose node has missed the last `copied`: it is told again.
    private func takeLate(_ slice: Slice, _ node: NodeName) {
        guard journal[slice.execution] != nil, logs[slice.execution] != nil,
            journal[slice.execution]?.isComplete == true
        else { return }
        command(
            .copied(slice.execution, spool: slice.spool, position: slice.position + UInt64(slice.length)), to: node)
    }

    func take(_ answer: Letter.Replayed, _ id: ExecutionID, _ node: Int) {
        let name = world.keys.names[node]
        guard let number = writing[id]?.starts.firstIndex(where: { $0.node == name }) else {
            guard journal[id]?.isComplete == true, answer.length > 0 else { return }
            return command(.copied(id, spool: answer.spool, position: answer.length), to: name)
        }
        let event = LogCopy.Event.replayed(
            RunKey(execution: id, run: number), spool: answer.spool, released: answer.released, length: answer.length,
            gone: answer.gone)
        carryOut(copy.receive(event, at: steady))
    }

    func carryOut(_ effects: [LogCopy.Effect]) {
        for effect in effects {
            switch effect {
            case .taken(let key, let node, let spool, let position, let window):
                command(.taken(key.execution, spool: spool, position: position, window: window), to: node)
            case .requestReplay(let key, let node, let spool, let from, let to):
                command(.replay(key.execution, spool: spool, from: from, to: to), to: node)
            case .gap(let key, let spool, let to): gap(key, spool, to)
            case .complete(let id): complete(id)
            }
        }
    }

    private func gap(_ key: RunKey, _ spool: UInt64, _ to: UInt64) {
        guard let node = writing[key.execution]?.starts[key.run].node, let number = world.keys.number(of: node) else {
            return
        }
        let from = logs[key.execution]?.ends[key.run] ?? 0
        world.trace.note(
            world.now, 5, Letter.mix(key.execution.low, from, to), "gap \(key.execution.short) \(from)..<\(to)")
        world.ledger.gap(Ledger.RunName(execution: key.execution, node: number), from: from, to: to)
        logs[key.execution]?.append(key.run, to: to)
        owe(key, spool)
    }

    private func complete(_ id: ExecutionID) {
        guard let done = writing[id] else { return }
        guard !isDiskFull else { return lose(id) }
        for (run, start) in done.starts.enumerated() {
            guard let node = world.keys.number(of: start.node) else { continue }
            world.ledger.read(Ledger.RunName(execution: id, node: node), to: logs[id]?.ends[run] ?? 0)
        }
        synchronise(id)
        writing[id] = nil
        unsynced.remove(id)
        pending.complete(id)
        writePending()
    }

    // MARK: The disk

    private func owe(_ key: RunKey, _ spool: UInt64) {
        writing[key.execution]?.owed[key.run] = spool
        unsynced.insert(key.execution)
        guard !isSyncDue else { return }
        isSyncDue = true
        world.after(world.dice.milliseconds(100, 130)) { [unowned self, life] in
            guard life == self.life else { return }
            isSyncDue = false
            for id in unsynced.sorted() { isDiskFull ? lose(id) : synchronise(id) }
            unsynced = []
        }
    }

    private func synchronise(_ id: ExecutionID) {
        logs[id]?.synchronise()
        guard let done = writing[id] else { return }
        writing[id]?.owed = [:]
        for (run, spool) in done.owed.sorted(by: { $0.key < $1.key }) {
            command(.copied(id, spool: spool, position: logs[id]?.ends[run] ?? 0), to: done.starts[run].node)
        }
    }

    private func lose(_ id: ExecutionID) {
        guard var lost = writing.removeValue(forKey: id) else { return }
        copy.forget(id)
        for run in lost.starts.indices { lost.starts[run].asksAtOnce = true }
        failed[id] = lost.starts
        world.after(1_000_000_000) { [unowned self, life] in
            guard life == self.life, let starts = failed[id] else { return }
            openLog(id, starts)
        }
    }
}

extension LogCopy.Start {
    fileprivate mutating func learn(_ spool: UInt64, _ finalLength: UInt64?) {
        if self.spool == 0 { self.spool = spool }
        if let finalLength { self.finalLength = finalLength }
    }
}

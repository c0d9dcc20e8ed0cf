import Messages

// MARK: Sending, again and again

extension Dispatcher {
    /// Sends what is due of these runs to the nodes that are there.
    mutating func pay(_ keys: some Sequence<RunKey>, _ now: Moment) -> [Effect] {
        var orders: [ExecutionID: [NodeName]] = [:]
        var stops: [ExecutionID: [StopWish: [NodeName]]] = [:]
        for key in keys {
            guard var debt = owed[key], debt.due <= now.steady, let run = self[key], present.contains(run.node) else {
                continue
            }
            if let wish = run.stop {
                stops[key.execution, default: [:]][wish, default: []].append(run.node)
            } else {
                guard debt.deadline > now.steady else { continue }
                orders[key.execution, default: []].append(run.node)
                change(key) { $0.wasSent = true }
            }
            debt.sent(at: now.steady)
            owed[key] = debt
        }
        return orders.sorted { $0.key < $1.key }.map { .deliver($0.key, $0.value.sorted()) }
            + stops.sorted { $0.key < $1.key }.flatMap { id, wishes in
                wishes.sorted { ($0.key.user, $0.key.graceMilliseconds) < ($1.key.user, $1.key.graceMilliseconds) }
                    .map { .stop(id, $0.value.sorted(), $0.key) }
            }
    }

    mutating func tick(_ now: Moment) -> [Effect] {
        var over: [RunKey] = []
        var due: [RunKey] = []
        for (key, debt) in owed {
            guard let run = self[key] else { continue }
            if isOver(debt, run, now) {
                over.append(key)
            } else if debt.due <= now.steady {
                due.append(key)
            }
        }
        var effects: [Effect] = []
        for key in over.sorted() {
            guard let run = self[key] else { continue }
            let note = Self.expiry(run, wasPresent: present.contains(run.node))
            effects += settle(key, run.stop == nil ? .expired : .cancelled, now, note: note)
        }
        effects += pay(due, now)
        if now.steady >= nextClock, !present.isEmpty {
            nextClock = now.steady + Self.clockPeriod
            effects.append(.clock(present.sorted()))
        }
        return effects
    }

    /// Whether an order's time is up: its deadline is past, and no ticket that is on its way can still be good.
    func isOver(_ debt: Debt, _ run: Run, _ now: Moment) -> Bool {
        guard now.steady >= debt.deadline, !run.isAcknowledged else { return false }
        guard run.wasSent, let last = debt.lastSent else { return true }
        return now.steady >= last + Self.ticketLife
    }

    static func expiry(_ run: Run, wasPresent: Bool) -> Failure {
        let why = wasPresent ? "did not answer" : "did not come back"
        return Failure(
            .unreachable,
            "\(run.node) \(why) before the deadline: nothing was started there. Try again when it is present, or wait longer (--wait)."
        )
    }
}

// MARK: Reports and stops

extension Dispatcher {
    mutating func take(_ report: Report, _ id: ExecutionID, _ node: NodeName, _ now: Moment) -> [Effect] {
        let acknowledge = Effect.acknowledge(id, node, sequence: report.sequence)
        guard let key = key(id, node), var run = self[key] else {
            // Complete long ago, or never ours: the worker is told to keep quiet about it.
            return [acknowledge]
        }
        guard report.sequence > run.sequence else { return [acknowledge] }
        if run.state.isTerminal {
            // Final is final; what lives there against that must end.
            return [acknowledge] + (report.state.isTerminal ? [] : [.stop(id, [node], wish(for: id))])
        }
        if run.state != report.state { run.since = now.unixMilliseconds }
        run.sequence = report.sequence
        run.state = report.state
        run.note = report.note ?? Self.note(on: run)
        run.leftOver = report.leftOver
        if report.spool != 0, run.spool == 0 { run.spool = report.spool }
        if report.state.isTerminal {
            run.finalLength = report.finalLength
            run.remaining = report.remaining
        }
        change(key) { $0 = run }
        if run.state.isTerminal { forget(key, node) } else if run.stop == nil { owed[key] = nil }
        return [.record(key), acknowledge, .changed(key)]
    }

    /// A worker does not say why it cancelled a run; who wished it stands here.
    private static func note(on run: Run) -> Failure? {
        guard case .cancelled = run.state else { return nil }
        let before = "the command was started on \(run.node)"
        return run.stop?.note(before: before) ?? Failure(.cancelled, "Stopped before \(before).")
    }

    mutating func stop(_ id: ExecutionID, _ runs: [Int]?, _ wish: StopWish, _ now: Moment) -> [Effect] {
        var effects: [Effect] = []
        var keys: [RunKey] = []
        for number in runs ?? Array(0..<(executions[id]?.runs.count ?? 0)) {
            let key = RunKey(execution: id, run: number)
            guard let run = self[key], !run.state.isTerminal else { continue }
            guard run.wasSent || run.isAcknowledged else {
                let note = wish.note(before: "\(run.node) was given the order")
                effects += settle(key, .cancelled, now, note: note)
                continue
            }
            change(key) { $0.stop = wish }
            let old = owed[key]
            owed[key] = Debt(due: now.steady, lastSent: old?.lastSent, deadline: old?.deadline ?? now.steady)
            keys.append(key)
        }
        return effects + pay(keys, now)
    }

    /// Ends a run by the owner's own decision.
    mutating func settle(_ key: RunKey, _ state: RunState, _ now: Moment, note: Failure) -> [Effect] {
        guard let node = self[key]?.node else { return [] }
        change(key) {
            $0.state = state
            $0.since = now.unixMilliseconds
            $0.note = note
            $0.finalLength = 0
        }
        forget(key, node)
        return [.record(key), .changed(key), .announce(key)]
    }

    func wish(for id: ExecutionID) -> StopWish {
        let head = executions[id]?.head
        return StopWish(graceMilliseconds: head?.graceMilliseconds ?? 0, user: head?.user ?? "")
    }
}

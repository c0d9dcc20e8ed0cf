import Messages

/// Which node gets what, what is still owed, and what became of it. Decides only: no clock, no socket, no disk.
struct Dispatcher {
    enum Event: Sendable {
        /// Accepted and on the disk; or taken up again after a restart.
        case opened(Execution)
        /// All its output is here: it is forgotten.
        case closed(ExecutionID)
        case arrived(NodeName)
        case departed(NodeName, sinceMilliseconds: Int64)
        /// A broker could not hand an order or a stop on to these nodes.
        case absent(ExecutionID, [NodeName])
        case reported(ExecutionID, NodeName, Report)
        /// The wish is on the disk; nil means every run.
        case stopWished(ExecutionID, runs: [Int]?, StopWish)
        case tick
    }

    /// A worker's report, its tag checked.
    struct Report: Hashable, Sendable {
        var sequence: UInt64
        var state: RunState
        var spool: UInt64 = 0
        var finalLength: UInt64 = 0
        var leftOver: UInt32 = 0
        var remaining: UInt32 = 0
        var note: Failure?
    }

    enum Effect: Hashable, Sendable {
        /// With a ticket made now.
        case deliver(ExecutionID, [NodeName])
        case stop(ExecutionID, [NodeName], StopWish)
        /// To be written to the journal. What follows it for the same run may be shown at once, but not acknowledged.
        case record(RunKey)
        /// Say `reported` once what was recorded before is on the disk.
        case acknowledge(ExecutionID, NodeName, sequence: UInt64)
        /// The run's view has changed.
        case changed(RunKey)
        /// The owner settled this itself, so nobody else publishes it.
        case announce(RunKey)
        case clock([NodeName])
    }

    static let firstRetry = Duration.seconds(1)
    static let longestRetry = Duration.seconds(30)
    static let clockPeriod = Duration.seconds(10)
    /// A ticket is good for 60 s; 5 s more for the journey.
    static let ticketLife = Duration.seconds(65)

    private(set) var executions: [ExecutionID: Execution] = [:]
    private(set) var present: Set<NodeName> = []
    /// Since when nodes are away, Unix milliseconds.
    private(set) var awaySince: [NodeName: Int64] = [:]
    private var runsOfNode: [NodeName: Set<RunKey>] = [:]
    private var owed: [RunKey: Debt] = [:]
    private var nextClock = Duration.zero

    /// What a node is still to be told about a run.
    private struct Debt {
        /// When it is sent again, if the node is present.
        var due: Duration
        var attempts = 0
        /// Nothing was sent but what `attempts` counts.
        var isFirst = true
        var lastSent: Duration?
        /// The order is offered until then.
        var deadline: Duration

        mutating func sent(at now: Duration) {
            lastSent = now
            due = now + min(Dispatcher.firstRetry * (1 << min(attempts, 5)), Dispatcher.longestRetry)
            attempts += 1
        }
    }

    mutating func receive(_ event: Event, at now: Moment) -> [Effect] {
        switch event {
        case .opened(let execution): open(execution, now)
        case .closed(let id): close(id)
        case .arrived(let node): arrive(node, now)
        case .departed(let node, let since): depart(node, since)
        case .absent(let id, let nodes): missed(id, nodes)
        case .reported(let id, let node, let report): take(report, id, node, now)
        case .stopWished(let id, let runs, let wish): stop(id, runs, wish, now)
        case .tick: tick(now)
        }
    }

    subscript(key: RunKey) -> Run? {
        guard let count = executions[key.execution]?.runs.count, key.run >= 0, key.run < count else { return nil }
        return executions[key.execution]?.runs[key.run]
    }

    /// Changes a run where it stands: an execution's runs are never copied.
    private mutating func change(_ key: RunKey, _ body: (inout Run) -> Void) {
        guard self[key] != nil, let index = executions.index(forKey: key.execution) else { return }
        body(&executions.values[index].runs[key.run])
    }
}

// MARK: Executions come and go

extension Dispatcher {
    private mutating func open(_ execution: Execution, _ now: Moment) -> [Effect] {
        let id = execution.head.id
        executions[id] = execution
        let left = Duration.milliseconds(execution.head.deadlineMilliseconds - now.unixMilliseconds)
        var keys: [RunKey] = []
        for (number, run) in execution.runs.enumerated() where !run.state.isTerminal {
            let key = RunKey(execution: id, run: number)
            runsOfNode[run.node, default: []].insert(key)
            guard !run.isAcknowledged || run.stop != nil else { continue }
            // What was sent before a restart may still be on its way.
            owed[key] = Debt(
                due: now.steady, isFirst: !run.wasSent, lastSent: run.wasSent ? now.steady : nil,
                deadline: now.steady + max(left, .zero))
            keys.append(key)
        }
        return pay(keys, now)
    }

    private mutating func close(_ id: ExecutionID) -> [Effect] {
        guard let execution = executions.removeValue(forKey: id) else { return [] }
        for number in execution.runs.indices { forget(RunKey(execution: id, run: number), execution.runs[number].node) }
        return []
    }

    /// Nothing more is owed to a run's node.
    private mutating func forget(_ key: RunKey, _ node: NodeName) {
        owed[key] = nil
        runsOfNode[node]?.remove(key)
        if runsOfNode[node]?.isEmpty == true { runsOfNode[node] = nil }
    }
}

// MARK: Nodes come and go

extension Dispatcher {
    private func key(_ id: ExecutionID, _ node: NodeName) -> RunKey? {
        executions[id]?.number(of: node).map { RunKey(execution: id, run: $0) }
    }

    private mutating func arrive(_ node: NodeName, _ now: Moment) -> [Effect] {
        let wasAway = !present.contains(node)
        present.insert(node)
        awaySince[node] = nil
        let keys = (runsOfNode[node] ?? []).sorted { ($0.execution, $0.run) < ($1.execution, $1.run) }
        for key in keys where owed[key] != nil {
            owed[key]?.due = now.steady
            if owed[key]?.lastSent != nil { owed[key]?.isFirst = false }
            owed[key]?.attempts = 0
        }
        let changed = wasAway ? keys.map(Effect.changed) : []
        return [.clock([node])] + pay(keys.filter { owed[$0] != nil }, now) + changed
    }

    private mutating func depart(_ node: NodeName, _ since: Int64) -> [Effect] {
        guard present.remove(node) != nil || awaySince[node] != since else { return [] }
        awaySince[node] = since
        return (runsOfNode[node] ?? []).map(Effect.changed)
    }

    private mutating func missed(_ id: ExecutionID, _ nodes: [NodeName]) -> [Effect] {
        for node in nodes {
            guard let key = key(id, node), let run = self[key], !run.isAcknowledged, run.stop == nil else { continue }
            // After more than one attempt nobody knows which of them this answers.
            guard owed[key]?.attempts == 1, owed[key]?.isFirst == true else { continue }
            change(key) { $0.wasSent = false }
            owed[key]?.lastSent = nil
        }
        return []
    }
}

// MARK: Sending, again and again

extension Dispatcher {
    /// Sends what is due of these runs to the nodes that are there.
    private mutating func pay(_ keys: some Sequence<RunKey>, _ now: Moment) -> [Effect] {
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
                wishes.map { .stop(id, $0.value.sorted(), $0.key) }
            }
    }

    private mutating func tick(_ now: Moment) -> [Effect] {
        var effects: [Effect] = []
        var due: [RunKey] = []
        for (key, debt) in owed {
            guard let run = self[key] else { continue }
            if isOver(debt, run, now) {
                let note = Self.expiry(run, wasPresent: present.contains(run.node))
                effects += settle(key, run.stop == nil ? .expired : .cancelled, now, note: note)
            } else if debt.due <= now.steady {
                due.append(key)
            }
        }
        effects += pay(due, now)
        if now.steady >= nextClock, !present.isEmpty {
            nextClock = now.steady + Self.clockPeriod
            effects.append(.clock(present.sorted()))
        }
        return effects
    }

    /// Whether an order's time is up: its deadline is past, and no ticket that is on its way can still be good.
    private func isOver(_ debt: Debt, _ run: Run, _ now: Moment) -> Bool {
        guard now.steady >= debt.deadline, !run.isAcknowledged else { return false }
        guard run.wasSent, let last = debt.lastSent else { return true }
        return now.steady >= last + Self.ticketLife
    }

    private static func expiry(_ run: Run, wasPresent: Bool) -> Failure {
        let why = wasPresent ? "did not answer" : "did not come back"
        return Failure(
            .unreachable,
            "\(run.node) \(why) before the deadline: nothing was started there. Try again when it is present, or wait longer (--wait)."
        )
    }
}

// MARK: Reports and stops

extension Dispatcher {
    private mutating func take(_ report: Report, _ id: ExecutionID, _ node: NodeName, _ now: Moment) -> [Effect] {
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
        run.note = report.note
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

    private mutating func stop(_ id: ExecutionID, _ runs: [Int]?, _ wish: StopWish, _ now: Moment) -> [Effect] {
        var effects: [Effect] = []
        var keys: [RunKey] = []
        for number in runs ?? Array(0..<(executions[id]?.runs.count ?? 0)) {
            let key = RunKey(execution: id, run: number)
            guard let run = self[key], !run.state.isTerminal else { continue }
            guard run.wasSent || run.isAcknowledged else {
                let note = Failure(.cancelled, "Stopped by \(wish.user) before \(run.node) was given the order.")
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
    private mutating func settle(_ key: RunKey, _ state: RunState, _ now: Moment, note: Failure) -> [Effect] {
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

    private func wish(for id: ExecutionID) -> StopWish {
        let head = executions[id]?.head
        return StopWish(graceMilliseconds: head?.graceMilliseconds ?? 0, user: head?.user ?? "")
    }
}

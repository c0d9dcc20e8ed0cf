package import Messages

/// Which node gets what, what is still owed, and what became of it. Decides only: no clock, no socket, no disk.
package struct Dispatcher {
    package enum Event: Sendable {
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
    package struct Report: Hashable, Sendable {
        var sequence: UInt64
        var state: RunState
        var spool: UInt64 = 0
        var finalLength: UInt64 = 0
        var leftOver: UInt32 = 0
        var remaining: UInt32 = 0
        var note: Failure?
    }

    package enum Effect: Hashable, Sendable {
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

    package private(set) var executions: [ExecutionID: Execution] = [:]
    private(set) var present: Set<NodeName> = []
    /// Since when nodes are away, Unix milliseconds.
    private(set) var awaySince: [NodeName: Int64] = [:]
    var runsOfNode: [NodeName: Set<RunKey>] = [:]
    var owed: [RunKey: Debt] = [:]
    var nextClock = Duration.zero

    package init() {}

    /// What a node is still to be told about a run.
    struct Debt {
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

    package mutating func receive(_ event: Event, at now: Moment) -> [Effect] {
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

    package subscript(key: RunKey) -> Run? {
        guard let count = executions[key.execution]?.runs.count, key.run >= 0, key.run < count else { return nil }
        return executions[key.execution]?.runs[key.run]
    }

    /// Changes a run where it stands: an execution's runs are never copied.
    mutating func change(_ key: RunKey, _ body: (inout Run) -> Void) {
        guard self[key] != nil, let index = executions.index(forKey: key.execution) else { return }
        body(&executions.values[index].runs[key.run])
    }
}

// MARK: Executions come and go

extension Dispatcher {
    mutating func open(_ execution: Execution, _ now: Moment) -> [Effect] {
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

    mutating func close(_ id: ExecutionID) -> [Effect] {
        guard let execution = executions.removeValue(forKey: id) else { return [] }
        for number in execution.runs.indices { forget(RunKey(execution: id, run: number), execution.runs[number].node) }
        return []
    }

    /// Nothing more is owed to a run's node.
    mutating func forget(_ key: RunKey, _ node: NodeName) {
        owed[key] = nil
        runsOfNode[node]?.remove(key)
        if runsOfNode[node]?.isEmpty == true { runsOfNode[node] = nil }
    }
}

// MARK: Nodes come and go

extension Dispatcher {
    func key(_ id: ExecutionID, _ node: NodeName) -> RunKey? {
        executions[id]?.number(of: node).map { RunKey(execution: id, run: $0) }
    }

    mutating func arrive(_ node: NodeName, _ now: Moment) -> [Effect] {
        let wasAway = !present.contains(node)
        present.insert(node)
        awaySince[node] = nil
        let keys = (runsOfNode[node] ?? []).sorted()
        for key in keys where owed[key] != nil {
            owed[key]?.due = now.steady
            if owed[key]?.lastSent != nil { owed[key]?.isFirst = false }
            owed[key]?.attempts = 0
        }
        let changed = wasAway ? keys.map(Effect.changed) : []
        return [.clock([node])] + pay(keys.filter { owed[$0] != nil }, now) + changed
    }

    mutating func depart(_ node: NodeName, _ since: Int64) -> [Effect] {
        guard present.remove(node) != nil || awaySince[node] != since else { return [] }
        awaySince[node] = since
        return (runsOfNode[node] ?? []).sorted().map(Effect.changed)
    }

    mutating func missed(_ id: ExecutionID, _ nodes: [NodeName]) -> [Effect] {
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

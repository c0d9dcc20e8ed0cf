package import Messages

/// What of each run's output is in the log, what is missing, and what is done about it. Decides only.
///
/// Each run in the log is contiguous: a slice that begins where the copy ends is appended, one that overlaps is cut, one
/// beyond the end is let go and the range asked for.
package struct LogCopy {
    package enum Event: Sendable {
        /// An execution is taken up; `positions` say where the log stands for each of its runs.
        case opened(ExecutionID, [Start])
        /// What the journal knows of a run; `finalLength` where it has ended.
        case reported(RunKey, spool: UInt64, finalLength: UInt64?)
        case replayed(RunKey, spool: UInt64, released: UInt64, length: UInt64, gone: Bool)
        /// The node is there (again), or another broker reaches it: what was asked for may be lost.
        case arrived(NodeName)
        case departed(NodeName)
        /// Output comes by another broker from now on: what was published meanwhile is missing.
        case following
        case tick
    }

    package struct Start: Hashable, Sendable {
        package var node: NodeName
        package var spool: UInt64
        package var position: UInt64
        package var finalLength: UInt64?
        /// It may have printed what never came: ask once the node is there.
        package var asksAtOnce: Bool

        package init(node: NodeName, spool: UInt64, position: UInt64, finalLength: UInt64?, asksAtOnce: Bool) {
            self.node = node
            self.spool = spool
            self.position = position
            self.finalLength = finalLength
            self.asksAtOnce = asksAtOnce
        }
    }

    package enum Effect: Hashable, Sendable {
        /// So much is in the log, and will be on the disk.
        /// `window` bytes may be on their way beyond it.
        case taken(RunKey, NodeName, spool: UInt64, position: UInt64, window: UInt64)
        case requestReplay(RunKey, NodeName, spool: UInt64, from: UInt64, to: UInt64)
        /// Record that everything up to there is lost.
        case gap(RunKey, spool: UInt64, to: UInt64)
        /// Every run has ended and the log has all there will be.
        case complete(ExecutionID)
    }

    /// What to do with the records of a slice.
    package enum Decision: Hashable, Sendable {
        /// All but the first `cut` bytes.
        case append(cut: Int)
        /// Nothing new: the node has missed that it is copied.
        case duplicate
        /// Of another spool, or beyond the end.
        case drop
    }

    static let replaySize: UInt64 = 1 << 20
    /// A replay may end short of its size by what one slice can hold.
    static let replaySlack: UInt64 = 2 * 65_556
    /// Nothing of a range is lost while the node and its brokers are there. It may be long on its way from a node that is busy,
    /// and one that is asked for twice comes twice.
    static let replayTimeout = Duration.seconds(5)
    /// A report may overtake the last slices; only then is the rest asked for. Among thousands of nodes they are long on their
    /// way: while output comes, of whatever run, it is waited for, though not for ever.
    static let overtaking = Duration.milliseconds(150)
    static let longestOvertaking = Duration.seconds(1)
    static let patience = Duration.seconds(3600)

    struct State {
        let node: NodeName
        var spool: UInt64
        var next: UInt64
        /// As far as the node has been told, and what may be on its way beyond that.
        var told: UInt64
        var window: UInt64 = 0
        var finalLength: UInt64?
        /// The farthest end of the spool that anything has spoken of.
        var known: UInt64
        var asksAtOnce: Bool
        var asked: (from: UInt64, to: UInt64, at: Duration)?
        var notBefore = Duration.zero
        /// When it was last said or seen that more is to come in its order; nil where something is known to be missing.
        var expectsSince: Duration?

        var isDone: Bool { finalLength.map { next >= $0 } ?? false }

        /// What was asked for is here, as far as there is that much.
        var isServed: Bool {
            guard let asked else { return false }
            if next >= asked.to || (!asksAtOnce && next >= known) { return true }
            return asked.to - asked.from >= replaySize && next + replaySlack >= asked.to
        }
    }

    var executions: [ExecutionID: [State]] = [:]
    var unfinished: [ExecutionID: Int] = [:]
    /// Runs that lack something.
    var lacking: Set<RunKey> = []
    /// When output last came, of whatever run.
    var lastSlice = Duration.zero
    /// Runs whose nodes are to be told how much is taken.
    var untold: Set<RunKey> = []
    var share = OutputShare()
    var turns = ReplayTurns()
    var runsOfNode: [NodeName: Set<RunKey>] = [:]
    var present: Set<NodeName> = []
    var awaySince: [NodeName: Duration] = [:]

    package init() {}

    package mutating func receive(_ event: Event, at now: Duration) -> [Effect] {
        let effects =
            switch event {
            case .opened(let id, let starts): open(id, starts, now)
            case .reported(let key, let spool, let final): learn(key, spool, final, now)
            case .replayed(let key, let spool, let released, let length, let gone):
                replayed(key, spool, released, length, gone, now)
            case .arrived(let node): arrive(node, now)
            case .departed(let node): depart(node, now)
            case .following: present.sorted().flatMap { arrive($0, now) }
            case .tick: tick(now)
            }
        return effects + giveTurns(now)
    }

    /// Judges a slice of `length` bytes at `position`; its MAC is right.
    package mutating func receive(
        slice key: RunKey, spool: UInt64, position: UInt64, length: Int, at now: Duration
    ) -> (decision: Decision, effects: [Effect]) {
        guard var state = self[key] else { return (.drop, []) }
        if state.spool == 0 { state.spool = spool }
        guard state.spool == spool else { return (.drop, []) }
        guard !state.isDone else { return (.duplicate, []) }
        let end = position + UInt64(length)
        state.known = max(state.known, end)
        guard position <= state.next, end > state.next else {
            self[key] = state
            guard end > state.next else { return (.duplicate, []) }
            self[key]?.notBefore = now
            self[key]?.expectsSince = nil
            return (.drop, ask(key, now) + giveTurns(now))
        }
        let cut = Int(state.next - position)
        state.next = end
        if end >= state.told + OutputShare.tellBytes(state.window) { untold.insert(key) }
        lastSlice = now
        if state.asked == nil { state.expectsSince = now }
        self[key] = state
        guard state.asked != nil || state.isDone else { return (.append(cut: cut), []) }
        return (.append(cut: cut), advanced(key, now) + giveTurns(now))
    }

    package func position(of key: RunKey) -> UInt64 { self[key]?.next ?? 0 }

    func spool(of key: RunKey) -> UInt64 { self[key]?.spool ?? 0 }

    func node(of key: RunKey) -> NodeName? { self[key]?.node }

    subscript(key: RunKey) -> State? {
        get {
            guard let count = executions[key.execution]?.count, key.run >= 0, key.run < count else { return nil }
            return executions[key.execution]?[key.run]
        }
        set {
            guard let newValue, let index = executions.index(forKey: key.execution) else { return }
            executions.values[index][key.run] = newValue
        }
    }
}

// MARK: What is known of a run

extension LogCopy {
    mutating func open(_ id: ExecutionID, _ starts: [Start], _ now: Duration) -> [Effect] {
        forget(id)
        executions[id] = starts.map {
            State(
                node: $0.node, spool: $0.spool, next: $0.position, told: $0.position, finalLength: $0.finalLength,
                known: max($0.position, $0.finalLength ?? 0), asksAtOnce: $0.asksAtOnce)
        }
        unfinished[id] = 0
        var keys: [RunKey] = []
        for (number, state) in (executions[id] ?? []).enumerated() where !state.isDone {
            unfinished[id, default: 0] += 1
            let key = RunKey(execution: id, run: number)
            runsOfNode[state.node, default: []].insert(key)
            keys.append(key)
        }
        return unfinished[id] == 0 ? finish(id) : keys.flatMap { ask($0, now) }
    }

    mutating func learn(_ key: RunKey, _ spool: UInt64, _ final: UInt64?, _ now: Duration) -> [Effect] {
        guard var state = self[key], !state.isDone else { return [] }
        if state.spool == 0 { state.spool = spool }
        if let final {
            // A final length short of the copy cannot be; the copy stands.
            state.finalLength = max(final, state.next)
            if state.known <= state.next { state.expectsSince = now }
            state.known = max(state.known, final)
        }
        self[key] = state
        return advanced(key, now)
    }

    /// The copy of a run has grown, or more is known of it.
    mutating func advanced(_ key: RunKey, _ now: Duration) -> [Effect] {
        guard var state = self[key] else { return [] }
        if state.isDone { return close(key, state) }
        if state.isServed {
            state.asked = nil
            self[key] = state
            turns.end(key, of: state.node)
        }
        return ask(key, now)
    }

    mutating func close(_ key: RunKey, _ state: State) -> [Effect] {
        lacking.remove(key)
        turns.end(key, of: state.node)
        guard runsOfNode[state.node]?.remove(key) != nil else { return [] }
        if runsOfNode[state.node]?.isEmpty == true { runsOfNode[state.node] = nil }
        let left = (unfinished[key.execution] ?? 1) - 1
        unfinished[key.execution] = left
        return left == 0 ? finish(key.execution) : []
    }

    package mutating func forget(_ id: ExecutionID) {
        guard let states = executions.removeValue(forKey: id) else { return }
        for (number, state) in states.enumerated() {
            let key = RunKey(execution: id, run: number)
            lacking.remove(key)
            turns.end(key, of: state.node)
            runsOfNode[state.node]?.remove(key)
        }
    }

    mutating func finish(_ id: ExecutionID) -> [Effect] {
        executions[id] = nil
        unfinished[id] = nil
        return [.complete(id)]
    }
}

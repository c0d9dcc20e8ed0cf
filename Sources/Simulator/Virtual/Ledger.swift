import Messages

/// What truly happened in a simulation, written down where it happens, and held against what may happen.
///
/// It knows nothing of how the parts keep their promises.
struct Ledger {
    /// A run's name: an execution and a node.
    struct RunName: Hashable, Comparable {
        var execution: ExecutionID
        var node: Int

        static func < (left: RunName, right: RunName) -> Bool {
            (left.execution, left.node) < (right.execution, right.node)
        }
    }

    struct Facts {
        var submission: Int
        var files: Int
        var hasCommand: Bool
        /// The command as it ran, once it did.
        var truth: Truth?
        var starts = 0
        var isStopWished = false
        /// As the gateway's journal has it.
        var last: RunState?
        var isTaken = false
    }

    private(set) var violation: Violation?
    private(set) var runs: [RunName: Facts] = [:]
    private(set) var executions: [Int: ExecutionID] = [:]
    private(set) var complete: Set<ExecutionID> = []
    private(set) var gaps = 0
    private var issued: [UInt64: Int64] = [:]

    mutating func violated(_ invariant: Invariant, _ sentence: String) {
        if violation == nil { violation = Violation(invariant: invariant, sentence: sentence) }
    }

    // MARK: The gateway

    /// The user was told that the submission is accepted.
    mutating func accepted(_ number: Int, _ id: ExecutionID, _ submission: Scenario.Submission) {
        if let known = executions[number] {
            if known != id { violated(.one, "submission \(number) was accepted as \(known.short) and as \(id.short)") }
            return
        }
        executions[number] = id
        for node in submission.nodes {
            let name = RunName(execution: id, node: node)
            guard runs[name] == nil else { continue }
            runs[name] = Facts(submission: number, files: submission.files, hasCommand: submission.hasCommand)
        }
    }

    /// The submission is in the journal, though perhaps nobody was told.
    mutating func journalled(_ number: Int, _ id: ExecutionID, _ submission: Scenario.Submission) {
        for node in submission.nodes {
            runs[RunName(execution: id, node: node)] = Facts(
                submission: number, files: submission.files, hasCommand: submission.hasCommand)
        }
    }

    mutating func stopWished(_ id: ExecutionID, _ nodes: [Int]) {
        for node in nodes { runs[RunName(execution: id, node: node)]?.isStopWished = true }
    }

    mutating func issued(_ body: [UInt8], at now: Int64) { issued[Self.hash(body)] = now }

    /// The journal has a last state.
    mutating func settled(_ name: RunName, _ state: RunState) {
        guard let facts = runs[name] else {
            return violated(.one, "\(text(name)) was never accepted, and \(state.word)")
        }
        if let last = facts.last {
            if last != state { violated(.one, "\(text(name)) ended \(last.word) and then \(state.word)") }
            return
        }
        runs[name]?.last = state
        check(name, facts, state)
    }

    private mutating func check(_ name: RunName, _ facts: Facts, _ state: RunState) {
        switch state {
        case .expired, .refused:
            if facts.starts > 0 { violated(.one, "\(text(name)) reads \(state.word), and was started") }
        case .cancelled:
            if facts.starts > 0 { violated(.one, "\(text(name)) reads cancelled, and was started") }
            if !facts.isStopWished { violated(.seven, "\(text(name)) reads cancelled, and nobody wished it") }
        case .exited, .signalled, .stopped, .timedOut, .outOfMemory:
            if facts.truth?.ending != state {
                violated(.one, "\(text(name)) reads \(state), and ended \(String(describing: facts.truth?.ending))")
            }
            if state == .stopped, facts.truth?.living != 0 {
                violated(.nine, "\(text(name)) has \(facts.truth?.living ?? 0) processes left")
            }
            if state == .stopped, !facts.isStopWished {
                violated(.seven, "\(text(name)) was stopped, and nobody wished it")
            }
        case .interrupted:
            if let living = facts.truth?.living, living > 0 {
                violated(.nine, "\(text(name)) reads interrupted with \(living) processes")
            }
        case .placed: if facts.hasCommand { violated(.one, "\(text(name)) reads placed, and has a command") }
        case .waiting, .delivered, .fetching, .running: break
        }
    }

    mutating func completed(_ id: ExecutionID) { complete.insert(id) }

    // MARK: The node

    mutating func taken(_ name: RunName, _ body: [UInt8], at now: Int64) {
        guard let facts = runs[name] else {
            return violated(.seven, "\(text(name)) was taken, and nobody asked for it")
        }
        guard let issued = issued[Self.hash(body)] else {
            return violated(.seven, "\(text(name)) was taken by a forged order")
        }
        // A ticket is good for 60 s; a node knows its owner's time to 60 s.
        if now - issued > 120_000_000_000 {
            violated(.six, "\(text(name)) was taken \((now - issued) / 1_000_000_000) s after its ticket was made")
        }
        if let last = facts.last, last == .expired || last == .cancelled {
            violated(.six, "\(text(name)) was taken after it \(last.word)")
        }
        runs[name]?.isTaken = true
    }

    mutating func started(_ name: RunName, _ truth: Truth) {
        runs[name]?.starts += 1
        if runs[name]?.truth == nil { runs[name]?.truth = truth }
        guard let facts = runs[name] else {
            return violated(.seven, "\(text(name)) was started, and nobody asked for it")
        }
        if facts.starts > 1 { violated(.two, "\(text(name)) was started \(facts.starts) times") }
        if let last = facts.last { violated(.one, "\(text(name)) was started after it ended \(last.word)") }
    }

    // MARK: The copy

    /// A piece of a log: at `at` lies what is at `source` in the spool.
    mutating func appended(_ name: RunName, spool: UInt64, at: UInt64, source: UInt64, length: UInt64) {
        guard let truth = runs[name]?.truth, truth.spool == spool else {
            return violated(.seven, "output of \(text(name)) came from a spool that is not its own")
        }
        guard at == source else { return violated(.three, "\(text(name)): at \(at) lies what belongs at \(source)") }
        if !truth.isBoundary(at) || !truth.isBoundary(at + length) {
            violated(.three, "\(text(name)): \(at)..<\(at + length) is not whole records")
        }
    }

    mutating func gap(_ name: RunName, from: UInt64, to: UInt64) {
        gaps += 1
        guard let truth = runs[name]?.truth else {
            return violated(.three, "\(text(name)) has a gap of \(to - from) bytes and no output")
        }
        if !truth.isLost(from, to) { violated(.three, "\(text(name)): gap \(from)..<\(to) of what is not lost") }
    }

    mutating func read(_ name: RunName, to end: UInt64) {
        guard let truth = runs[name]?.truth, let final = truth.finalLength else { return }
        // What the node lost with its power may have come before.
        let isRight = truth.lostFrom == nil ? end == final : end >= final && end <= truth.length
        if !isRight { violated(.three, "the log of \(text(name)) is complete at \(end) of \(final) bytes") }
    }

    // MARK: The end

    /// Called when all has come to rest.
    mutating func close() {
        for name in runs.keys.sorted() {
            guard let facts = runs[name] else { continue }
            if facts.last == nil { violated(.one, "\(text(name)) has no last state") }
            if !complete.contains(name.execution) { violated(.one, "\(name.execution.short) is not complete") }
        }
    }

    func text(_ name: RunName) -> String { "\(name.execution.short) on n\(name.node + 1)" }

    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        bytes.withUnsafeBytes { for byte in $0 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 } }
        return hash
    }
}

import Gateway
import Messages
import SwiftProtobuf

/// Requests, the dispatcher's effects, and the journal before what is said.
extension VirtualGateway {
    /// A user asks; once told that it is accepted, nobody asks again. True where the answer is known at once.
    func submit(_ number: Int) {
        guard isUp, !accepting.contains(number) else { return }
        let submission = world.scenario.submissions[number]
        if let id = journal.known(number) { return world.accepted(number, id) }
        guard let entry = entry(number, submission) else { return }
        accepting.insert(number)
        write { [unowned self] in
            journal.insert(entry)
            world.ledger.journalled(number, entry.head.id, submission)
        } then: { [unowned self] isKept in
            accepting.remove(number)
            guard isKept else { return }
            world.accepted(number, entry.head.id)
            open(entry.execution.asNew, isOld: false)
        }
    }

    private func entry(_ number: Int, _ submission: Scenario.Submission) -> VirtualJournal.Entry? {
        let id = ExecutionID(high: world.dice.next() | 1, low: world.dice.next())
        let names = submission.nodes.map { world.keys.names[$0] }
        let user = Keys.users[number % Keys.users.count]
        let head = ExecutionHead(
            id: id, submission: id, user: user, uid: UInt32(1000 + number), session: Array(repeating: 7, count: 16),
            kind: "run", command: submission.hasCommand ? "play" : nil, createdMilliseconds: wall,
            deadlineMilliseconds: wall + submission.waits / 1_000_000, nodes: names, files: [],
            graceMilliseconds: 2_000, log: world.dice.next() | 1)
        let order = WireOrder.with {
            $0.execution = .init(id.bytes)
            $0.owner = world.principal(index).description
            $0.user = user
            $0.uid = head.uid
            $0.kind = head.kind
            $0.files = (0..<submission.files).map { file in .with { $0.name = "file\(file)" } }
            if submission.hasCommand { $0.command.shellLine = "play" }
        }
        guard let bytes: [UInt8] = try? order.serializedBytes() else { return nil }
        return VirtualJournal.Entry(number: number, head: head, order: bytes)
    }

    /// The user's wish goes to the disk before it has an effect.
    func stop(_ number: Int) {
        guard isUp, let id = journal.known(number), dispatcher.executions[id] != nil else { return }
        let nodes = world.scenario.submissions[number].nodes
        let wish = StopWish(graceMilliseconds: UInt64(world.dice.between(1, 3_000)), user: Keys.users[0])
        world.ledger.stopWished(id, nodes)
        write { [unowned self] in
            journal.wish(id, Array(nodes.indices), wish)
        } then: { [unowned self] isKept in
            if isKept { perform(.stopWished(id, runs: Array(nodes.indices), wish)) }
        }
    }

    func open(_ execution: Execution, isOld: Bool) {
        let id = execution.head.id
        if logs[id] == nil { logs[id] = VirtualLog(runs: execution.runs.count) }
        perform(.opened(execution))
        openLog(
            id,
            execution.runs.map { run in
                LogCopy.Start(
                    node: run.node, spool: run.spool, position: 0,
                    finalLength: run.state.isTerminal ? run.finalLength ?? 0 : nil, asksAtOnce: isOld)
            })
    }

    /// Lets the dispatcher decide and does what it says.
    func perform(_ event: Dispatcher.Event) {
        guard isUp else { return }
        var changed: [RunKey] = []
        for effect in dispatcher.receive(event, at: moment) {
            switch effect {
            case .deliver(let id, let nodes): deliver(id, to: nodes)
            case .stop(let id, let nodes, let wish):
                for node in nodes { command(.stop(id, graceMilliseconds: wish.graceMilliseconds), to: node) }
            case .clock(let nodes): for node in nodes { command(.clock(wall, of: index), to: node) }
            case .record(let key): pending.record(key)
            case .acknowledge(let id, let node, let sequence): pending.acknowledge(id, node, sequence: sequence)
            case .changed(let key): changed.append(key)
            case .announce: continue
            }
        }
        for key in changed {
            guard let run = dispatcher[key], run.sequence > 0 || run.state.isTerminal else { continue }
            world.trace.note(
                world.now, 3, Letter.mix(key.execution.low, UInt64(key.run), run.sequence),
                "\(world.name(index)) shows \(key.execution.short) on \(run.node): \(run.state.word)")
            reported(key, spool: run.spool, finalLength: run.state.isTerminal ? run.finalLength ?? 0 : nil)
        }
        writePending()
    }

    /// One transaction at a time, and after it what was only to be said then.
    func writePending() {
        guard !isWriting, !pending.isEmpty else { return }
        isWriting = true
        let taken = pending.take()
        var changes: [(key: RunKey, run: Run)] = []
        for key in taken.runs.sorted() { if let run = dispatcher[key] { changes.append((key, run)) } }
        for id in taken.complete {
            for (number, run) in (dispatcher.executions[id]?.runs ?? []).enumerated() {
                changes.append((RunKey(execution: id, run: number), run))
            }
        }
        let written = changes
        write { [unowned self] in
            for (key, run) in written { keep(key, run) }
            for id in taken.complete {
                journal.complete(id)
                world.ledger.completed(id)
            }
        } then: { [unowned self] isKept in
            guard isKept else {
                pending.takeBack(taken)
                return world.after(1_000_000_000) { [unowned self, life] in
                    guard life == self.life else { return }
                    isWriting = false
                    writePending()
                }
            }
            isWriting = false
            for one in taken.acknowledgements {
                command(.reported(one.execution, sequence: one.sequence), to: one.node)
            }
            for id in taken.complete { perform(.closed(id)) }
            writePending()
        }
    }

    private func keep(_ key: RunKey, _ run: Run) {
        journal.write(key, run.report, since: run.since)
        guard run.state.isTerminal, let node = world.keys.number(of: run.node) else { return }
        world.ledger.settled(Ledger.RunName(execution: key.execution, node: node), run.state)
    }

    /// A transaction takes a while; where the gateway dies meanwhile, it was done or it was not.
    private func write(_ change: @escaping () -> Void, then: @escaping (Bool) -> Void) {
        transaction += 1
        let number = transaction
        transactions[number] = change
        world.after(world.dice.milliseconds(1, 8)) { [unowned self, life] in
            guard life == self.life else { return }
            transactions[number] = nil
            world.trace.note(
                world.now, 4, UInt64(index), "\(world.name(index)) journal \(isDiskFull ? "full" : "written")")
            if !isDiskFull { change() }
            then(!isDiskFull)
        }
    }
}

extension Execution {
    /// As it is before anything was sent.
    fileprivate var asNew: Execution { Execution(head) }
}

import Messages
import Worker

/// One run at its worker in virtual time: carries out what `Run` and `LastWord` decide, and publishes by `Outflow`.
final class VirtualKeeper {
    let execution: ExecutionID
    let order: WireOrder
    let owner: Int
    unowned let node: VirtualNode
    var run: Run
    var word = LastWord()
    var flow: Outflow?
    var spool: UInt64 = 0
    var exit: VirtualDisk.Exit?
    var isPumping = false
    var isUnwanted = false
    /// How soon a stop is to be enforced, from when one was asked for.
    var stopGrace: UInt64?
    /// Nothing is written to the spool any more.
    var isOver = false
    var pause: Int64 = 1_000_000
    let life: Int
    let script: Script

    lazy var topic = Topic.output(user: order.user, execution, node.name).bytes

    init(_ node: VirtualNode, _ execution: ExecutionID, _ order: WireOrder, _ run: Run) {
        self.node = node
        self.execution = execution
        self.order = order
        self.run = run
        life = node.life
        owner = Principal(order.owner).flatMap { node.world.gateway(of: $0) } ?? 0
        script = Script(seed: node.world.scenario.seed, execution, node: node.number)
    }

    var world: Simulation { node.world }
    var name: Ledger.RunName { Ledger.RunName(execution: execution, node: node.number) }
    var isSettled: Bool { run.isEnded && word.isAcknowledged && (flow?.isAllCopied ?? true) }

    // MARK: What comes in

    func stored() { receive(script.isRefused ? .refused(Failure(.notPermitted, "the account is locked")) : .stored) }
    func stop(graceMilliseconds: UInt64) { receive(.stop(graceMilliseconds: graceMilliseconds)) }
    func acknowledged() { word.acknowledged() }

    func repeatState() {
        guard run.phase != .storing else { return }
        carryOut(word.again())
    }

    func taken(_ spool: UInt64, _ position: UInt64, _ window: UInt64) {
        guard flow != nil, self.spool == spool else { return }
        flow?.taken(upTo: position, window: window, at: world.instant)
        pump()
    }

    func copied(_ spool: UInt64, _ position: UInt64) {
        guard flow != nil, self.spool == spool else { return }
        flow?.copied(upTo: position, at: world.instant)
        node.runs[execution]?.release(upTo: position)
        pump()
    }

    func tick() {
        if let end = flow?.tick(at: world.instant) { say(released: 0, length: end, to: owner) }
        pump()
    }

    // MARK: Taking up

    func takeUpBegun(spool: UInt64) {
        beginFlow(spool)
        watch()
    }

    func takeUpEnded(_ last: WireReport) {
        word.takeUp(last)
        if last.spool != 0 {
            beginFlow(last.spool)
            isOver = true
            flow?.grew(to: last.finalLength)
        }
        node.say(last, of: execution, to: owner)
        pump()
    }

    func beginFlow(_ spool: UInt64) {
        self.spool = spool
        flow = Outflow(from: node.runs[execution]?.released ?? 0, at: world.instant)
    }

    // MARK: What goes out

    func receive(_ event: Run.Event) {
        for effect in run.receive(event) {
            switch effect {
            case .report(let state): report(state)
            case .fetch: fetch()
            case .place: node.add({}, then: { [weak self] in self?.receive(.placed) })
            case .start: start()
            case .endPlacing: isUnwanted = true
            case .stop(let grace):
                stopGrace = grace
                node.runs[execution]?.stop(graceMilliseconds: grace)
            }
        }
    }

    private func report(_ state: RunState) {
        if state.isTerminal, word.isFinal { return carryOut(word.again()) }
        var report = WireReport()
        state.fill(&report)
        report.spool = spool
        if let exit {
            report.finalLength = exit.finalLength
            report.leftOver = exit.leftOver
            report.remaining = exit.remaining
        } else if state.isTerminal {
            report.finalLength = flow?.length ?? 0
        }
        node.stamp(&report, for: owner)
        carryOut(word.changed(report, isOnDisk: exit != nil))
    }

    private func carryOut(_ effects: [LastWord.Effect]) {
        for effect in effects {
            switch effect {
            case .say(let report): node.say(report, of: execution, to: owner)
            case .keep(let report): conclude(report)
            }
        }
    }

    private func conclude(_ report: WireReport) {
        var isKept = false
        node.add { [node, execution] in
            isKept = !node.disk.isFull
            if isKept { node.disk.folders[execution]?.report = report }
        } then: { [self] in
            if isKept { return carryOut(word.kept()) }
            world.after(1_000_000_000) { [self] in if node.life == life { conclude(report) } }
        }
    }

    private func fetch() {
        node.add(taking: 5...300, {}) { [weak self] in
            guard let self else { return }
            receive(.fetched(percent: 50))
            node.add(taking: 5...300, {}) { [weak self] in self?.receive(.fetchedAll) }
        }
    }
}

extension WireOrder {
    var hasCommand: Bool { !command.shellLine.isEmpty }
}

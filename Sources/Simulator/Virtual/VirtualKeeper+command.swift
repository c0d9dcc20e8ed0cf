import Messages
import Worker

/// How a run gets its command: the intent on the disk, then its supervisor, whose news it hears.
extension VirtualKeeper {
    func start() {
        let spool = world.dice.next() | 1
        guard world.scenario.defect != .journalBeforeExec else { return startAtOnce(spool) }
        var isKept = false
        node.add { [self] in
            guard !isUnwanted else { return }
            isKept = !node.disk.isFull
            if isKept { node.disk.folders[execution]?.plan = spool }
        } then: { [self] in
            guard isKept else { return receive(.refused(Failure(.internal, "no space"))) }
            node.add(taking: 1...4, { [self] in spawn(spool) }) { [self] in begun(spool) }
        }
    }

    /// The command first, and only then what says that it was to be started.
    private func startAtOnce(_ spool: UInt64) {
        node.disk.folders[execution]?.isBegun = false
        spawn(spool)
        node.add { [node, execution] in
            node.disk.folders[execution]?.plan = spool
        } then: { [self] in
            begun(spool)
        }
    }

    private func spawn(_ spool: UInt64) {
        // A supervisor starts nothing where there is a spool.
        guard node.disk.folders[execution]?.isBegun == false else { return }
        node.disk.folders[execution]?.isBegun = true
        let started = VirtualRun(node, name, spool: spool, script: script)
        node.runs[execution] = started
        world.trace.note(
            world.now, 10, Letter.mix(execution.low, UInt64(node.number), spool),
            "\(node.name) starts \(execution.short)")
        world.ledger.started(name, started.truth)
        started.begin()
    }

    private func begun(_ spool: UInt64) {
        beginFlow(spool)
        watch()
    }

    func watch() {
        guard let started = node.runs[execution], started.isSupervised else {
            if let exit = node.disk.folders[execution]?.exit { return ended(exit) }
            // One that does not come is waited for.
            return world.after(3_000_000_000) { [self] in if node.life == life { lost() } }
        }
        if let stopGrace { started.stop(graceMilliseconds: stopGrace) }
        started.connect { [weak self] news in
            guard let self, node.life == life else { return }
            heard(news)
        }
    }

    private func heard(_ news: VirtualRun.News) {
        guard !run.isEnded else { return }
        switch news {
        case .length(let length, let released):
            flow?.grew(to: length)
            flow?.released(upTo: released)
            pump()
        case .started: receive(.started(pid: 1))
        case .ended(let exit): ended(exit)
        case .gone:
            if let exit = node.disk.folders[execution]?.exit { ended(exit) } else { lost() }
        }
    }

    private func ended(_ exit: VirtualDisk.Exit) {
        self.exit = exit
        isOver = true
        flow?.grew(to: exit.finalLength)
        receive(.ended(RunState(exit.ending)))
        pump()
    }

    /// What is left of the run is ended before anything is said of it.
    private func lost() {
        var length: UInt64 = 0
        node.add { [node, execution] in
            node.runs[execution]?.killAll()
            length = node.runs[execution]?.held ?? 0
        } then: { [self] in
            isOver = true
            flow?.grew(to: length)
            receive(.lost)
            pump()
        }
    }
}

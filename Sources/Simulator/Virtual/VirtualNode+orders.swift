import Bus
import Messages
import Worker

/// Orders and stops, and what is found on the disk at a start.
extension VirtualNode {
    func takeUp() {
        for id in disk.folders.keys.sorted() {
            guard let folder = disk.folders[id] else { continue }
            let course = intake.takeUp(
                id, hash: folder.order?.hash ?? [], isSettled: folder.isSettled, isBegun: folder.plan != nil,
                last: folder.report.flatMap { RunState($0) })
            guard let order = folder.order?.body else { continue }
            switch course {
            case .over: continue
            case .ended(let state):
                if let last = folder.report { keep(id, order, .ended(state)).takeUpEnded(last) }
            case .begun: keep(id, order, .begun(files: order.files.count)).takeUpBegun(spool: folder.plan ?? 0)
            case .fresh:
                check(keep(id, order, Run(files: order.files.count, hasCommand: order.hasCommand)), storing: nil)
            }
        }
        tickWhileNeeded()
    }

    private func keep(_ id: ExecutionID, _ order: WireOrder, _ run: Run) -> VirtualKeeper {
        let keeper = VirtualKeeper(self, id, order, run)
        keepers[id] = keeper
        return keeper
    }

    func accept(_ id: ExecutionID, _ admitted: Admission.Admitted, _ body: [UInt8]) {
        world.trace.note(world.now, 9, Letter.mix(id.low, UInt64(number), 0), "\(name) takes \(id.short)")
        world.ledger.taken(Ledger.RunName(execution: id, node: number), body, at: world.now)
        let order = admitted.order
        let keeper = keep(id, order, Run(files: order.files.count, hasCommand: order.hasCommand))
        tickWhileNeeded()
        check(keeper, storing: admitted.ticket.orderHash)
    }

    /// Writes the order to the disk in a chore; then the run may begin.
    private func check(_ keeper: VirtualKeeper, storing hash: [UInt8]?) {
        let id = keeper.execution
        var isKept = true
        add { [unowned self] in
            guard let hash else { return }
            isKept = !disk.isFull
            if isKept { disk.folders[id] = VirtualDisk.Folder(order: (keeper.order, hash)) }
        } then: { [unowned self] in
            guard let keeper = keepers[id] else { return }
            guard isKept else {
                keepers[id] = nil
                return intake.notKept(id)
            }
            keeper.stored()
            settle()
        }
    }

    func stop(_ id: ExecutionID, _ grace: UInt64, from gateway: Int) {
        switch intake.stop(id) {
        case .stop: keepers[id]?.stop(graceMilliseconds: grace)
        case .cancel: cancel(id, for: gateway)
        case .repeatLast: repeatLast(id, to: gateway)
        }
    }

    /// A stop for an order that has not come: it is written down, so that the order starts nothing when it comes.
    private func cancel(_ id: ExecutionID, for gateway: Int) {
        var report = WireReport()
        RunState.cancelled.fill(&report)
        stamp(&report, for: gateway)
        var isKept = false
        add { [unowned self, report] in
            isKept = !disk.isFull
            guard isKept else { return }
            disk.folders[id] = VirtualDisk.Folder(report: report, isSettled: true)
        } then: { [unowned self] in
            isKept ? repeatLast(id, to: gateway) : intake.notKept(id)
        }
    }

    /// The last state of a run that is over, from the disk; nothing is owed for it, so it is said once.
    func repeatLast(_ id: ExecutionID, to gateway: Int) {
        guard var report = disk.last(id) else { return }
        if report.sequence == 0 { stamp(&report, for: gateway) }
        send(.report(id, report), to: gateway)
    }

    func sayGone(_ id: ExecutionID, _ spool: UInt64, to gateway: Int) {
        // A run that is still being started has a spool soon.
        guard keepers[id] == nil else { return }
        send(.replayed(id, Letter.Replayed(spool: spool, released: 0, length: 0, gone: true)), to: gateway)
    }
}

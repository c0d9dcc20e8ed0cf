import Glibc
import Messages
import Sodium
import Spool
import Supervisor
import SwiftProtobuf
import ZeroMQ

extension Node {
    /// Takes up every run that is on the disk.
    func takeUp(_ kept: [RunStore.Kept]) {
        for one in kept {
            let order = (try? WireOrder(serializedBytes: one.order)) ?? WireOrder()
            let hash = one.order.isEmpty ? [] : Blake2b.hash(one.order)
            let plan =
                one.isBegun && !one.isSettled ? try? Plan.read(from: site.store.folder(of: one.execution)) : nil
            let course = intake.takeUp(
                one.execution, hash: hash, isSettled: one.isSettled, isBegun: plan != nil,
                last: one.last.flatMap { RunState($0) })
            switch course {
            case .over: break
            case .ended(let state):
                if let last = one.last { add(one.execution, order, .ended(state)).takeUpEnded(last) }
            case .begun:
                let keeper = add(one.execution, order, .begun(files: order.files.count))
                if let plan { keeper.takeUpBegun(plan) }
            case .fresh:
                check(
                    add(one.execution, order, Run(files: order.files.count, hasCommand: hasCommand(order))),
                    storing: nil)
            }
        }
        tickWhileNeeded()
    }

    private func add(_ execution: ExecutionID, _ order: WireOrder, _ run: Run) -> RunKeeper {
        let keeper = RunKeeper(execution, order, run: run, site: site, log: log)
        if let ownership = site.store.ownership(of: execution) { keeper.belongs(to: ownership) }
        keepers[execution] = keeper
        return keeper
    }

    /// Four times a second while there is a run that something is owed to; an idle worker sleeps.
    func tickWhileNeeded() {
        guard ticking == nil, !keepers.isEmpty else { return }
        ticking = site.loop.after(.milliseconds(250), every: .milliseconds(250)) { [weak self] in self?.tick() }
    }

    private func tick() {
        site.sendDue()
        for keeper in keepers.values { keeper.tick() }
        settle()
        if keepers.isEmpty, let ticking {
            site.loop.cancel(ticking)
            self.ticking = nil
        }
        reap()
    }

    /// Lets go of the runs that owe nothing any more; their folders keep order and last state.
    func settle() {
        for (execution, keeper) in keepers where keeper.isSettled {
            keepers[execution] = nil
            site.forget(execution)
            if let pid = keeper.pid { supervisors.insert(pid) }
            intake.settled(execution)
            let store = site.store
            site.chores.add { store.letGo(execution) }
        }
        if !keepers.isEmpty || !supervisors.isEmpty { tickWhileNeeded() }
        reap()
    }

    private func reap() {
        for pid in supervisors where waitpid(pid, nil, WNOHANG) != 0 { supervisors.remove(pid) }
    }
}

import Glibc
import Logging
import Messages
import Sodium
import Spool
import Supervisor
import SwiftProtobuf
import ZeroMQ

extension Node {
    /// Takes up every run that is on the disk.
    func takeUp(_ kept: [RunStore.Kept]) {
        for one in kept where !one.isSettled {
            if one.order.isEmpty, !one.isDamaged {
                let store = site.store
                site.chores.add { store.letGo(one.execution) }
                continue
            }
            if one.isDamaged {
                takeUpDamaged(one)
                continue
            }
            let order = (try? WireOrder(serializedBytes: one.order)) ?? WireOrder()
            let course = intake.takeUp(
                one.execution, hash: Blake2b.hash(one.order), isSettled: false, isBegun: one.isBegun,
                last: one.last.flatMap { RunState($0) })
            switch course {
            case .over: break
            case .ended(let state):
                if let last = one.last { add(one.execution, order, .ended(state)).takeUpEnded(last) }
            case .begun: takeUpBegun(one, order)
            case .fresh:
                check(
                    add(one.execution, order, Run(files: order.files.count, hasCommand: hasCommand(order))),
                    storing: nil)
            }
        }
        tickWhileNeeded()
    }

    /// A run whose intent to start is on the disk is never begun anew, whatever else is there.
    private func takeUpBegun(_ one: RunStore.Kept, _ order: WireOrder) {
        let keeper = add(one.execution, order, .begun(files: order.files.count))
        guard let plan = try? Plan.read(from: site.store.folder(of: one.execution)) else {
            log.error("run damaged", metadata: ["execution": "\(one.execution)"])
            return keeper.takeUpDamaged("the plan")
        }
        keeper.takeUpBegun(plan)
    }

    /// Nothing of an order is obeyed that is not what was accepted; whom to tell may still be read from it.
    private func takeUpDamaged(_ one: RunStore.Kept) {
        log.error("order damaged", metadata: ["execution": "\(one.execution)"])
        let read = (try? WireOrder(serializedBytes: one.order)) ?? WireOrder()
        let order = WireOrder.with {
            $0.execution = .init(one.execution.bytes)
            $0.owner = read.owner
        }
        intake.takeUpDamaged(one.execution)
        if let last = one.last, let state = RunState(last), last.terminal {
            return add(one.execution, order, .ended(state)).takeUpEnded(last)
        }
        let run = one.isBegun ? Run.begun(files: 0) : Run(files: 0, hasCommand: true)
        add(one.execution, order, run).takeUpDamaged("the order")
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
            letGo(execution, isKept: !keeper.isUnkept)
        }
        if !keepers.isEmpty || !supervisors.isEmpty { tickWhileNeeded() }
        reap()
    }

    /// From now on the disk says that it is over; of a run that found no room there, any order would come too late one day.
    private func letGo(_ execution: ExecutionID, isKept: Bool) {
        guard isKept else {
            site.loop.after(Self.longestUnkept) { [weak self] in self?.intake.forget(execution) }
            return
        }
        let (store, bound, mailbox) = (site.store, site.loop.bind(self), site.loop.mailbox)
        site.chores.add {
            store.letGo(execution)
            mailbox.post { bound.value.intake.forget(execution) }
        }
    }

    /// Longer than any ticket that is on its way is good.
    private static let longestUnkept = Duration.seconds(180)

    private func reap() {
        for pid in supervisors where waitpid(pid, nil, WNOHANG) != 0 { supervisors.remove(pid) }
    }
}

// MARK: The sweep

extension Node {
    /// Looks through the run folders now and then, on a thread of its own.
    func sweepNowAndThen() {
        sweep()
        site.loop.after(site.settings.sweepPeriod, every: site.settings.sweepPeriod) { [weak self] in self?.sweep() }
    }

    private func sweep() {
        guard !isSweeping else { return }
        isSweeping = true
        let (store, remembered, rules) = (site.store, site.remembered, site.settings.sweep)
        let (bound, mailbox) = (site.loop.bind(self), site.loop.mailbox)
        site.sweeps.add {
            let result: Result<RunStore.Swept, SystemError>
            do throws(SystemError) {
                result = .success(try store.sweep(rules, remembered, at: WallClock.milliseconds))
            } catch {
                result = .failure(error)
            }
            mailbox.post { bound.value.swept(result) }
        }
    }

    private func swept(_ result: Result<RunStore.Swept, SystemError>) {
        isSweeping = false
        switch result {
        case .failure(let error): log.error("sweep cut short", metadata: ["why": "\(error)"])
        case .success(let swept):
            site.runFolders = swept.folders
            if swept.removed > 0 { log.info("swept", metadata: ["runs": "\(swept.removed)"]) }
            for execution in swept.unowned {
                guard let keeper = keepers[execution], keeper.isEnded else { continue }
                log.warning("run given up: its owner is not heard any more", metadata: ["execution": "\(execution)"])
                keeper.giveUp()
            }
            settle()
        }
    }
}

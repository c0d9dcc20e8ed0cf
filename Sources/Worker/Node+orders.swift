import Bus
import Glibc
import Logging
import Messages
import Sodium
import Spool
import Supervisor
import SwiftProtobuf
import ZeroMQ

extension Node {
    func order(_ message: Link.Incoming, from gateway: Principal) {
        let execution = message.header.execution
        let verdict = admission.judge(message, ownerMilliseconds: site.clocks.estimate(of: gateway, at: site.loop.now))
        switch verdict {
        case .tooEarly: log.info("order before the owner's time is known", metadata: ["execution": "\(execution)"])
        case .refused(let failure):
            log.warning("order refused", metadata: ["execution": "\(execution)", "code": "\(failure.code.rawValue)"])
            refuse(message, failure)
        case .admitted(let admitted):
            switch intake.order(execution, hash: admitted.ticket.orderHash, kept: kept(execution)) {
            case .accept where site.revocations.isRevoked(admitted.ticket.session):
                refuseRevoked(execution, for: gateway)
            case .accept:
                let deadline = admitted.order.deadlineMilliseconds
                let now = site.milliseconds(of: gateway)
                guard deadline == 0 || now <= deadline + Admission.toleranceMilliseconds else {
                    intake.notKept(execution)
                    return refuse(message, Failure(.expiredTicket, "the order came to \(site.node) after its deadline"))
                }
                accept(execution, admitted)
            case .repeatState:
                guard let keeper = keepers[execution] else { return }
                if let adopted = admitted.adopted, adopted.owner != keeper.owner { return adopt(keeper, adopted) }
                keeper.repeatState()
            case .repeatLast: repeatLast(execution, to: gateway)
            case .conflict:
                refuse(message, Failure(.conflict, "\(site.node) knows another order by this execution's id"))
            }
        }
    }

    /// The hash of the order of a run that was here and is over (empty where it never came, or cannot be read); nil for one
    /// that was not.
    func kept(_ execution: ExecutionID) -> [UInt8]? {
        site.store.settledHash(of: execution) ?? site.remembered.hash(of: execution)
    }

    func accept(_ execution: ExecutionID, _ admitted: Admission.Admitted) {
        let order = admitted.order
        let run = Run(files: order.files.count, hasCommand: hasCommand(order))
        let keeper = RunKeeper(execution, order, run: run, site: site, log: log)
        if let adopted = admitted.adopted { keeper.belongs(to: adopted) }
        keepers[execution] = keeper
        tickWhileNeeded()
        check(keeper, storing: admitted.bytes)
    }

    /// Whether there is something to be run: a command, or what a profile does once its file is placed.
    func hasCommand(_ order: WireOrder) -> Bool {
        !order.command.arguments.isEmpty || !order.command.shellLine.isEmpty || site.profiles.hasAfter(order)
    }

    /// Asks for the account and writes the order to the disk, in a chore; then the run may begin.
    func check(_ keeper: RunKeeper, storing bytes: [UInt8]?) {
        let (accounts, store, execution) = (site.accounts, site.store, keeper.execution)
        let (user, uid, ownership) = (keeper.order.user, keeper.order.uid, keeper.ownership)
        let (bound, mailbox, freeBytes) = (site.loop.bind(self), site.loop.mailbox, site.settings.freeBytes)
        site.chores.add {
            let account = accounts.check(user: user, uid: uid)
            var problem: SystemError?
            if let bytes {
                do throws(SystemError) {
                    if let free = File.freeBytes(at: store.root), free < freeBytes {
                        throw SystemError("write", store.root, errno: ENOSPC)
                    }
                    try store.accept(execution, order: bytes, ownership)
                } catch {
                    problem = error
                }
            }
            mailbox.post { [problem] in bound.value.checked(execution, account, problem) }
        }
    }

    private func checked(_ execution: ExecutionID, _ account: Result<Account, Failure>, _ problem: SystemError?) {
        guard let keeper = keepers[execution] else { return }
        if let problem {
            log.error("order not kept", metadata: ["execution": "\(execution)", "why": "\(problem)"])
            guard problem.isNoSpace else {
                // Not on the disk, so not acknowledged: the gateway sends it again.
                keepers[execution] = nil
                return intake.notKept(execution)
            }
            keeper.refuseUnkept(
                Failure(.noSpace, "the disk of \(site.node) is full: \(site.store.root) has no room for the order"))
            return settle()
        }
        keeper.stored(account)
        settle()
    }

    func refuse(_ message: Link.Incoming, _ failure: Failure) {
        guard let sender = message.sender, let body: [UInt8] = try? failure.wire.serializedBytes() else { return }
        site.send(Header(.failure, message.header.execution, sequence: message.header.sequence), body, to: sender)
    }

    /// A stop for an order that has not come: it is written down, so that the order starts nothing when it comes.
    func cancel(_ execution: ExecutionID, for gateway: Principal) { conclude(execution, as: .cancelled, for: gateway) }

    /// Writes down the last state of a run whose order was not taken, and says it.
    func conclude(_ execution: ExecutionID, as state: RunState, for gateway: Principal) {
        var report = WireReport()
        state.fill(&report)
        site.stamp(&report, for: gateway)
        let (store, bound, mailbox) = (site.store, site.loop.bind(self), site.loop.mailbox)
        site.chores.add { [report] in
            guard (try? store.cancel(execution, report)) != nil else {
                return mailbox.post { bound.value.intake.notKept(execution) }
            }
            store.letGo(execution)
            mailbox.post {
                bound.value.intake.forget(execution)
                bound.value.repeatLast(execution, to: gateway)
            }
        }
    }

    /// The last state of a run that is over, from the disk; nothing is owed for it, so it is said once.
    func repeatLast(_ execution: ExecutionID, to gateway: Principal) {
        guard let report = lastReport(of: execution, for: gateway), let body: [UInt8] = try? report.serializedBytes()
        else { return }
        site.send(Header(.report, execution, sequence: report.sequence), body, to: gateway)
    }

    private func lastReport(of execution: ExecutionID, for gateway: Principal) -> WireReport? {
        if let report = site.store.last(execution) { return report }
        let folder = site.store.folder(of: execution)
        guard let exit = try? ExitRecord.read(from: folder), let plan = try? Plan.read(from: folder) else { return nil }
        let order = site.store.order(of: execution)
        let launch = Launch(
            node: site.node, execution: execution, account: .unknown(order), home: "", placed: plan.folder)
        var report = WireReport()
        launch.state(exit.ending, of: order).fill(&report)
        report.note(exit)
        report.spool = plan.spool
        site.stamp(&report, for: gateway)
        return report
    }

    func sayGone(_ replay: WireReplay, of execution: ExecutionID, to gateway: Principal) {
        // A run that is still being started has a spool soon.
        guard keepers[execution] == nil else { return }
        let gone = WireReplayed.with {
            $0.spool = replay.spool
            $0.gone = true
        }
        guard let body: [UInt8] = try? gone.serializedBytes() else { return }
        site.send(Header(.replayed, execution), body, to: gateway)
    }
}

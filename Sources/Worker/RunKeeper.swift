import Bus
import Glibc
import Logging
import Messages
import Placer
import Spool
import Supervisor
import SwiftProtobuf
import ZeroMQ

/// One run on this node: carries out what `Run` decides. On the loop; what blocks is done by chores that post back.
final class RunKeeper {
    let execution: ExecutionID
    let order: WireOrder
    /// The order's owner, or the gateway that has taken the execution over.
    private(set) var owner: Principal
    private(set) var ownership: Ownership?
    /// Gateways besides the owner that had the run stopped, its owner being away: they hear its last word too.
    private var witnesses: Set<Principal> = []
    let site: Site
    let log: Logger
    private var run: Run
    var account: Account?
    var placedFolder: String?
    var fetcher: Fetcher?
    /// Files whose placers have ended.
    var answered: Set<Int> = []
    var pump: OutputPump?
    /// What the supervisor said last, where it has not been asked for more since.
    var knownLength: UInt64?
    var line: SupervisorLine?
    var exit: ExitRecord?
    /// What of a run whose supervisor was killed still lived after all had been done against it.
    var remaining: UInt32 = 0
    /// How soon a stop is to be enforced, from when one was asked for.
    private(set) var stopGrace: UInt64?
    /// What a chore is at for this run is not wanted any more.
    let unwanted = Flag()
    private var word = LastWord()
    /// The owner is not heard any more.
    private var isGivenUp = false
    /// There is no folder of this run: the disk had no room for it.
    private(set) var isUnkept = false
    var pid: pid_t?

    init(_ execution: ExecutionID, _ order: WireOrder, run: Run, site: Site, log: Logger) {
        self.execution = execution
        self.order = order
        self.run = run
        self.site = site
        self.log = log
        owner = Principal(order.owner) ?? Principal(.gateway, "unknown")
    }

    var isEnded: Bool { run.isEnded }
    /// Nothing is owed to anybody any more: the last state is acknowledged and the output copied.
    var isSettled: Bool {
        run.isEnded && (isGivenUp || word.isAcknowledged && (pump?.flow.isAllCopied ?? true))
    }

    // MARK: What comes in

    /// Of the taking over that counts; 0 before any.
    var term: UInt64 { ownership?.term ?? 0 }

    /// What is owed from now on is owed to this gateway, and said to it at once.
    func belongs(to ownership: Ownership) {
        guard ownership.term >= term else { return }
        self.ownership = ownership
        owner = ownership.owner
        fetcher?.owner = owner
        pump?.owner = owner
        repeatState()
    }

    /// A gateway had the run stopped.
    func hear(_ gateway: Principal) {
        if gateway != owner { witnesses.insert(gateway) }
    }

    func receive(_ event: Run.Event) {
        for effect in run.receive(event) { carryOut(effect) }
    }

    /// The order is on the disk (or what was wrong with its account); from here on it may be spoken of.
    func stored(_ result: Result<Account, Failure>) {
        switch result {
        case .success(let account):
            self.account = account
            receive(.stored)
        case .failure(let failure): receive(.refused(failure))
        }
    }

    /// Says again where the run stands: the order came once more, or the owner asks.
    func repeatState() {
        guard run.phase != .storing else { return }
        carryOut(word.again())
    }

    func reported(_ sequence: UInt64) {
        if site.acknowledged(sequence, of: execution) { word.acknowledged() }
    }

    func copied(_ copied: WireCopied) {
        guard let pump, pump.spool == copied.spool else { return }
        pump.copied(upTo: copied.position)
        line?.send(.copied(position: copied.position))
        awaitMore()
    }

    func replay(_ request: WireReplay, to gateway: Principal) -> Bool {
        guard let pump, pump.spool == request.spool else { return false }
        pump.replay(request, to: gateway)
        return true
    }

    func chunk(_ header: Header, _ body: [UInt8]) { fetcher?.arrived(header, body) }
    func chunkRefused(_ failure: Failure) { fetcher?.refused(failure) }

    func tick() {
        fetcher?.pump()
        line?.retry()
        pump?.tick()
        awaitMore()
    }

    // MARK: Taking up

    /// A run whose supervisor was started before this worker was.
    func takeUpBegun(_ plan: Plan) {
        pump = OutputPump(execution, user: order.user, owner: owner, spool: plan.spool, site: site)
        watchSupervisor()
    }

    func takeUpEnded(_ last: WireReport) {
        word.takeUp(last)
        if last.spool != 0 {
            let pump = OutputPump(execution, user: order.user, owner: owner, spool: last.spool, site: site)
            pump.end(at: last.finalLength)
            self.pump = pump
        }
        site.say(last, of: execution, to: owner)
    }

    /// What the disk has of the run is not obeyed any more: what lives of it is ended first, and then it is said.
    func takeUpDamaged(_ what: String) {
        let (keeper, mailbox) = (site.loop.bind(self), site.loop.mailbox)
        let (folder, cgroup) = (
            site.store.folder(of: execution), site.cgroups.folder(of: execution.description)
        )
        let (execution, node) = (execution.description, site.node.description)
        site.sweeps.add {
            // One that is still on its way finds the spool and begins nothing.
            _ = folder.closeToSupervisors()
            folder.endSupervisor()
            var plan = Plan(
                spool: 0, execution: execution, node: node, account: Plan.Account(user: "", uid: 0, gid: 0, groups: []),
                arguments: [], folder: "", environment: [])
            plan.cgroup = cgroup
            let remaining = UInt32(clamping: Leftovers.kill(of: plan))
            mailbox.post {
                keeper.value.remaining = remaining
                keeper.value.receive(.damaged(what))
            }
        }
    }

    /// The order found no room on the disk: it is refused, and of that nothing is kept.
    func refuseUnkept(_ failure: Failure) {
        isUnkept = true
        receive(.refused(failure))
    }

    /// Nobody will acknowledge this run any more.
    func giveUp() { isGivenUp = true }

    // MARK: What goes out

    private func carryOut(_ effect: Run.Effect) {
        switch effect {
        case .report(let state): report(state)
        case .fetch: fetch()
        case .place(let number): place(number)
        case .start: start()
        case .endPlacing: unwanted.raise()
        case .stop(let grace):
            // 0 stands for the order's own, and there for the usual.
            let meant = [grace, order.limits.graceMilliseconds].first { $0 > 0 } ?? Plan.Limits().graceMilliseconds
            stopGrace = meant
            line?.send(.stop(graceMilliseconds: meant))
        }
    }

    private func report(_ state: RunState) {
        if state.isTerminal, word.isFinal { return carryOut(word.again()) }
        var report = WireReport()
        state.fill(&report)
        if let note = limitNote(state) { report.reason = note.wire }
        report.spool = pump?.spool ?? 0
        if let exit {
            report.note(exit)
        } else if state.isTerminal {
            report.finalLength = pump?.flow.length ?? 0
            report.remaining = remaining
        }
        site.stamp(&report, for: owner)
        announce(state)
        log.info("run \(state.word)", metadata: ["execution": "\(execution)"])
        publish(report)
        if state.isTerminal { letGoOfFiles() }
        // The supervisor's exit record is on the disk already, and says the same after a restart.
        carryOut(word.changed(report, isOnDisk: exit != nil || isUnkept))
        if state.isTerminal, exit != nil || isUnkept { cleanPlacements() }
    }

    /// How the run's limits are kept, and which one it went beyond, if something is to be said of that.
    private func limitNote(_ state: RunState) -> Failure? {
        switch state {
        case .running, .exited, .signalled, .timedOut, .outOfMemory, .stopped:
            let limits = site.settings.policy.mostOfRun.applied(to: RunLimits(order.limits))
            return LimitNote(node: site.node, limits: limits, kept: site.cgroups.controllers).failure(exit?.ending)
        default: return nil
        }
    }

    private func say(_ report: WireReport) {
        site.say(report, of: execution, to: owner)
        guard report.terminal, !witnesses.isEmpty, let body: [UInt8] = try? report.serializedBytes() else { return }
        for witness in witnesses { site.send(Header(.report, execution, sequence: report.sequence), body, to: witness) }
    }

    private func carryOut(_ effects: [LastWord.Effect]) {
        for effect in effects {
            switch effect {
            case .say(let report): say(report)
            case .keep(let report): conclude(report)
            }
        }
    }

    private func conclude(_ report: WireReport) {
        let (store, execution, keeper, mailbox) = (site.store, execution, site.loop.bind(self), site.loop.mailbox)
        site.chores.add {
            let isKept = (try? store.conclude(execution, report)) != nil
            mailbox.post { isKept ? keeper.value.concluded() : keeper.value.concludeLater(report) }
        }
    }

    private func concluded() {
        cleanPlacements()
        carryOut(word.kept())
    }

    /// The disk is full: nothing is said until it can be kept.
    private func concludeLater(_ report: WireReport) {
        log.error("last state not kept", metadata: ["execution": "\(execution)"])
        site.loop.after(.seconds(1)) { [weak self] in self?.conclude(report) }
    }

    private func publish(_ report: WireReport) {
        let event = WireEvent.with {
            $0.execution = order.execution
            $0.node = site.node.description
            $0.user = order.user
            $0.kind = order.kind
            $0.command =
                order.command.shellLine.isEmpty
                ? order.command.arguments.joined(separator: " ") : order.command.shellLine
            $0.report = report
        }
        guard let body: [UInt8] = try? event.serializedBytes() else { return }
        site.link?.publish(.event(user: order.user, execution, site.node), [body])
    }
}

extension WireReport {
    /// What a run's exit record says besides its state.
    mutating func note(_ exit: ExitRecord) {
        finalLength = exit.finalLength
        leftOver = exit.leftOver
        remaining = exit.remaining
    }
}

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
    /// BLAKE2b-256 of the order's bytes as they came: the same id with another order is a conflict.
    let orderHash: [UInt8]
    let owner: Principal
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
    /// The owner has acknowledged the last state.
    private var isAcknowledged = false
    /// The last state is on its way to the disk.
    private var isConcluding = false
    var pid: pid_t?

    init(_ execution: ExecutionID, _ order: WireOrder, hash: [UInt8], run: Run, site: Site, log: Logger) {
        self.execution = execution
        self.order = order
        orderHash = hash
        self.run = run
        self.site = site
        self.log = log
        owner = Principal(order.owner) ?? Principal(.gateway, "unknown")
    }

    var isEnded: Bool { run.isEnded }
    /// Nothing is owed to anybody any more: the last state is acknowledged and the output copied.
    var isSettled: Bool { run.isEnded && isAcknowledged && (pump?.flow.isAllCopied ?? true) }

    // MARK: What comes in

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
        if let report = lastReport { say(report) }
    }

    func reported(_ sequence: UInt64) {
        // While the last state is on its way to the disk, what was acknowledged is one before it.
        guard site.acknowledged(sequence, of: execution), run.isEnded, !isConcluding else { return }
        isAcknowledged = true
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
        lastReport = last
        if last.spool != 0 {
            let pump = OutputPump(execution, user: order.user, owner: owner, spool: last.spool, site: site)
            pump.grew(to: last.finalLength, released: 0)
            self.pump = pump
        }
        site.say(last, of: execution, to: owner)
    }

    // MARK: What goes out

    private var lastReport: WireReport?

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
        if state.isTerminal, let lastReport, lastReport.terminal {
            return say(lastReport)
        }
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
        site.stamp(&report)
        lastReport = report
        announce(state)
        log.info("run \(state.word)", metadata: ["execution": "\(execution)"])
        publish(report)
        guard state.isTerminal else { return say(report) }
        letGoOfFiles()
        // The supervisor's exit record is on the disk already, and says the same after a restart.
        exit == nil ? conclude(report) : concluded(report)
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
        guard !isConcluding else { return }
        site.say(report, of: execution, to: owner)
    }

    /// The last state goes to the disk before it goes out, so that it stays the last one whatever happens.
    private func conclude(_ report: WireReport) {
        isConcluding = true
        let (store, execution, keeper, mailbox) = (site.store, execution, site.loop.bind(self), site.loop.mailbox)
        site.chores.add {
            let isKept = (try? store.conclude(execution, report)) != nil
            mailbox.post { isKept ? keeper.value.concluded(report) : keeper.value.concludeLater(report) }
        }
    }

    private func concluded(_ report: WireReport) {
        isConcluding = false
        cleanPlacements()
        say(report)
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

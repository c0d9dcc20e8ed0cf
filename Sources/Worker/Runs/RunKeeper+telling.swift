import Bus
import Logging
import Messages
import Supervisor
import SwiftProtobuf
import ZeroMQ

/// What goes out: the effects of a run's decisions, and its states to owner and bus.
extension RunKeeper {
    func carryOut(_ effect: Run.Effect) {
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

    func say(_ report: WireReport) {
        site.say(report, of: execution, to: owner)
        guard report.terminal, !witnesses.isEmpty, let body: [UInt8] = try? report.serializedBytes() else { return }
        for witness in witnesses { site.send(Header(.report, execution, sequence: report.sequence), body, to: witness) }
    }

    func carryOut(_ effects: [LastWord.Effect]) {
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

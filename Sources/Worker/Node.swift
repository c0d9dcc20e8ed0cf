import Bus
import Glibc
import Logging
import Messages
import Sodium
import Spool
import Supervisor
import SwiftProtobuf
import ZeroMQ

/// The worker on its loop: takes what the bus brings to the runs it is meant for, and sees to it that nothing owed is
/// forgotten.
final class Node {
    let site: Site
    let admission: Admission
    let log: Logger
    var keepers: [ExecutionID: RunKeeper] = [:]
    var intake = Intake()
    var ticking: ZeroMQ.Timer?
    /// Supervisors of runs that are over, until they are reaped.
    var supervisors: Set<pid_t> = []
    private lazy var status = StatusPublisher(site) { [unowned self] in liveRuns.count }
    let facts = Facts.read()
    let startedMilliseconds = WallClock.milliseconds
    private var isAheadWarned = false
    var isSweeping = false
    /// What was revoked could not be written down, and is written again in a moment.
    var isKeepingRevocationsDue = false

    init(_ site: Site, log: Logger) {
        self.site = site
        self.log = log
        admission = Admission(
            node: site.node, enrolment: NodeKeys.enrolment(of: site.settings.key.publicKey), keys: site.keys)
    }

    var liveRuns: [ExecutionID] { keepers.values.filter { !$0.isEnded }.map(\.execution) }

    // MARK: The bus

    func receive(_ events: [Link.Event]) {
        for event in events {
            switch event {
            case .connected:
                site.hurry()
                site.sendDue()
                for keeper in keepers.values { keeper.tick() }
            case .lost(let broker):
                // Who listens there says the output lane alone: the next broker's word may have come before this.
                log.warning("broker lost", metadata: ["broker": "\(broker)"])
            case .refused(let broker, let failure):
                log.error(
                    "broker refuses",
                    metadata: ["broker": "\(broker)", "code": "\(failure.code.rawValue)", "why": "\(failure.sentence)"])
            case .message(let message): receive(message)
            case .interest(let broker, let prefix, let isWanted):
                site.interest.change(prefix, at: broker, isWanted: isWanted)
                status.interestChanged()
                if isWanted { for keeper in keepers.values { keeper.tick() } }
            case .following, .output, .beat: break
            }
        }
        settle()
    }

    private func receive(_ message: Link.Incoming) {
        let header = message.header
        log.debug(
            "message",
            metadata: [
                "verb": "\(header.verb)", "execution": "\(header.execution)",
                "from": "\(message.sender?.description ?? "broker")",
            ])
        guard let gateway = message.sender, gateway.role == .gateway else { return }
        switch header.verb {
        case .order: return order(message, from: gateway)
        // A chunk is judged by its hash, a refusal of one only ends the wait for it.
        case .chunk: return keepers[header.execution]?.chunk(header, message.body) ?? ()
        case .failure:
            guard message.lane == .bulk, let failure = try? WireFailure(serializedBytes: message.body) else { return }
            return keepers[header.execution]?.chunkRefused(Failure(failure)) ?? ()
        default: break
        }
        guard
            Tags.isValidCommand(
                message.tag, header: message.headerBytes, node: site.node, body: message.body, keys: site.keys)
        else {
            return log.warning("tag refused", metadata: ["verb": "\(header.verb)", "from": "\(gateway)"])
        }
        command(header, message.body, from: gateway)
    }

    /// What a gateway has vouched for.
    private func command(_ header: Header, _ body: [UInt8], from gateway: Principal) {
        let keeper = keepers[header.execution]
        switch header.verb {
        case .clock:
            guard let said = try? WireClock(serializedBytes: body) else { return }
            hear(said, from: gateway)
        case .revocations:
            guard let said = try? WireRevocations(serializedBytes: body) else { return }
            revoked(said, by: gateway)
        case .stop:
            guard let stop = try? WireStop(serializedBytes: body) else { return }
            switch intake.stop(header.execution, kept: kept(header.execution)) {
            case .stop:
                keeper?.hear(gateway)
                keeper?.receive(.stop(graceMilliseconds: stop.graceMilliseconds))
            case .cancel: cancel(header.execution, for: gateway)
            case .repeatLast: repeatLast(header.execution, to: gateway)
            }
        case .adopted:
            guard let wire = try? WireAdopted(serializedBytes: body) else { return }
            adopted(header.execution, wire, by: gateway)
        case .reported:
            guard let reported = try? WireReported(serializedBytes: body) else { return }
            // What was said to the owner is the owner's to acknowledge.
            guard let keeper, gateway == keeper.owner else { return }
            keeper.reported(reported.sequence)
        case .taken:
            guard let taken = try? WireTaken(serializedBytes: body) else { return }
            guard let keeper, gateway == keeper.owner else { return }
            keeper.taken(taken)
        case .copied:
            guard let copied = try? WireCopied(serializedBytes: body) else { return }
            guard let keeper, gateway == keeper.owner else { return }
            keeper.copied(copied)
        case .removeService:
            guard let removal = try? WireRemoveService(serializedBytes: body) else { return }
            site.services.remove(Services.Key(user: removal.user, name: removal.name))
        case .replay:
            guard let replay = try? WireReplay(serializedBytes: body) else { return }
            if keeper?.replay(replay, to: gateway) != true { sayGone(replay, of: header.execution, to: gateway) }
        default: break
        }
    }

    private func hear(_ said: WireClock, from gateway: Principal) {
        guard site.clocks.heard(said, from: gateway, at: site.loop.now) else {
            return log.warning("clock not taken", metadata: ["of": "\(said.gateway)", "from": "\(gateway)"])
        }
        compare(said.revocations, with: gateway)
        let offset = WallClock.milliseconds - said.milliseconds
        guard abs(offset) > Admission.toleranceMilliseconds, !isAheadWarned else { return }
        isAheadWarned = true
        log.warning("this node's clock is off", metadata: ["seconds": "\(offset / 1000)", "from": "\(gateway)"])
    }
}

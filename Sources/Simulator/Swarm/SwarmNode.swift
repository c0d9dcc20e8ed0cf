import Bus
import Glibc
import Messages
import SwiftProtobuf
import Worker
import ZeroMQ

/// One simulated worker: a real link, real tickets, tags and slices; only the commands are played. Lives on a loop.
final class SwarmNode {
    let name: NodeName
    private let loop: PollLoop
    private let keys: NodeKeys
    private let admission: Admission
    private let count: (SwarmCount.Event) -> Void
    private var link: Link?
    private var clocks = OwnerClocks()
    private var outbox = Outbox()
    private var runs: [ExecutionID: SwarmRun] = [:]
    private var listening: [Int: Set<[UInt8]>] = [:]
    private static let tick = Duration.milliseconds(100)
    private var isTicking = false
    private var sequence = UInt64(time(nil)) << 32

    init(
        _ name: NodeName, pair: KeyPair, authority: [UInt8], brokers: [BrokerAddress], on loop: PollLoop,
        count: @escaping (SwarmCount.Event) -> Void
    ) throws {
        guard let keys = NodeKeys(nodeSecret: pair.secretKey, nodePublic: pair.publicKey, authorityPublic: authority)
        else { throw Swarm.Unusable(description: "the authority is no usable public key") }
        self.name = name
        self.loop = loop
        self.keys = keys
        self.count = count
        let enrolment = NodeKeys.enrolment(of: pair.publicKey)
        admission = Admission(node: name, enrolment: enrolment, keys: keys)
        let hello = WireHello.with {
            $0.program = "\(Program.version) (simulated)"
            $0.takes = ["run", "shell"]
            $0.enrolment = enrolment
        }
        link = try Link(.node, brokers: brokers, keys: pair, hello: hello, on: loop) { [unowned self] in receive($0) }
    }

    func close() { link?.close() }

    /// Looks at what is due a few times a second, for as long as there is something.
    private func tickWhileBusy() {
        guard !isTicking, !runs.isEmpty || !outbox.isEmpty else { return }
        isTicking = true
        loop.after(Self.tick) { [weak self] in
            guard let self else { return }
            isTicking = false
            lookAtDue()
            tickWhileBusy()
        }
    }

    private func lookAtDue() {
        for id in runs.keys {
            if runs[id]?.last == nil, let end = runs[id]?.endsAt, end <= loop.now { finish(id) }
            runs[id]?.flow.tick(at: loop.now)
            publish(id)
        }
        sendDue()
        runs = runs.filter { !$0.value.isSettled }
    }

    // MARK: In

    private func receive(_ events: [Link.Event]) {
        for event in events {
            switch event {
            case .connected:
                count(.connected)
                outbox.hurry(at: loop.now)
            case .lost: count(.lost)
            case .interest(let broker, let prefix, let isWanted):
                if isWanted {
                    listening[broker, default: []].insert(prefix)
                } else {
                    listening[broker]?.remove(prefix)
                }
                for id in runs.keys { publish(id) }
            case .message(let message): receive(message)
            case .refused, .following, .output, .beat: break
            }
        }
        sendDue()
        tickWhileBusy()
    }

    private func receive(_ message: Link.Incoming) {
        guard let gateway = message.sender, gateway.role == .gateway else { return }
        if message.header.verb == .order { return order(message, from: gateway) }
        guard
            Tags.isValidCommand(
                message.tag, header: message.headerBytes, node: name, body: message.body, keys: keys)
        else { return }
        let id = message.header.execution
        switch message.header.verb {
        case .clock:
            guard let said = try? WireClock(serializedBytes: message.body) else { return }
            _ = clocks.heard(said, from: gateway, at: loop.now)
        case .reported:
            guard let reported = try? WireReported(serializedBytes: message.body) else { return }
            if outbox.acknowledged(reported.sequence, of: id), runs[id]?.last != nil { runs[id]?.isAcknowledged = true }
        case .taken:
            guard let taken = try? WireTaken(serializedBytes: message.body), taken.spool == runs[id]?.spoolID else {
                return
            }
            runs[id]?.flow.taken(upTo: taken.position, window: taken.window, at: loop.now)
            publish(id)
        case .copied:
            guard let copied = try? WireCopied(serializedBytes: message.body), copied.spool == runs[id]?.spoolID else {
                return
            }
            runs[id]?.flow.copied(upTo: copied.position, at: loop.now)
            publish(id)
        case .replay:
            guard let replay = try? WireReplay(serializedBytes: message.body) else { return }
            self.replay(id, replay, to: gateway)
        case .stop: finish(id, as: .stopped)
        default: break
        }
    }

    private func order(_ message: Link.Incoming, from gateway: Principal) {
        let id = message.header.execution
        if let run = runs[id] {
            if let last = run.last { outbox.put(last, of: id, to: gateway, at: loop.now) }
            return
        }
        guard
            case .admitted(let admitted) = admission.judge(
                message, ownerMilliseconds: clocks.estimate(of: gateway, at: loop.now))
        else { return count(.refused) }
        count(.accepted)
        runs[id] = SwarmRun(
            admitted, owner: gateway, node: name, at: loop.now, timeNanoseconds: Self.wallNanoseconds)
        guard runs[id]?.play.lasts == .zero else { return say(.running(pid: 1), of: id) }
        finish(id)
    }

    // MARK: Out

    private func finish(_ id: ExecutionID, as state: RunState? = nil) {
        guard let run = runs[id], run.last == nil else { return }
        let length = state == nil ? UInt64(run.play.spool.count) : 0
        runs[id]?.flow.grew(to: length)
        say(state ?? run.play.state, of: id, finalLength: length)
        publish(id)
    }

    private func say(_ state: RunState, of id: ExecutionID, finalLength: UInt64 = 0) {
        guard let run = runs[id] else { return }
        sequence += 1
        var report = WireReport()
        state.fill(&report)
        report.sequence = sequence
        report.spool = finalLength > 0 || !state.isTerminal ? run.spoolID : 0
        report.finalLength = finalLength
        report.timeMilliseconds = clocks.estimate(of: run.owner, at: loop.now) ?? 0
        if state.isTerminal { runs[id]?.last = report }
        outbox.put(report, of: id, to: run.owner, at: loop.now)
    }

    private func sendDue() {
        for (id, report, owner) in outbox.due(at: loop.now) {
            send(Header(.report, id, sequence: report.sequence), report, to: owner)
        }
    }

    private func send(_ header: Header, _ message: some SwiftProtobuf.Message, to gateway: Principal) {
        guard let body: [UInt8] = try? message.serializedBytes() else { return }
        let tag = Tags.report(header: header.bytes, node: name, body: body, keys: keys)
        link?.send(to: gateway, header, body: body, tag: tag)
    }

    private func publish(_ id: ExecutionID) {
        guard let topic = runs[id]?.topic else { return }
        let brokers = listening.filter { $0.value.contains { topic.starts(with: $0) } }.map(\.key)
        guard !brokers.isEmpty else { return }
        while let next = runs[id]?.flow.next, let records = runs[id]?.records(from: next.position, limit: next.limit),
            !records.isEmpty
        {
            let slice = sealed(records, at: next.position, of: id)
            let taken = brokers.filter { link?.publish(topic, [slice, records], via: $0) == true }
            guard !taken.isEmpty else { return }
            runs[id]?.flow.sent(upTo: next.position + UInt64(records.count), at: loop.now)
        }
    }

    private func replay(_ id: ExecutionID, _ request: WireReplay, to gateway: Principal) {
        var answer = WireReplayed()
        answer.spool = request.spool
        if let run = runs[id], run.spoolID == request.spool {
            let records = run.records(
                from: request.from, limit: min(request.to - min(request.from, request.to), 1 << 20))
            if !records.isEmpty {
                let range = sealed(records, at: request.from, of: id) + records
                link?.send(.bulk, to: gateway, Header(.range, id, sequence: request.from), body: range)
            }
            answer.length = run.flow.length
        } else {
            answer.gone = true
        }
        send(Header(.replayed, id), answer, to: gateway)
    }

    private func sealed(_ records: [UInt8], at position: UInt64, of id: ExecutionID) -> [UInt8] {
        guard let run = runs[id] else { return [] }
        var header = SliceHeader(
            length: UInt32(records.count), spool: run.spoolID, position: position, timeNanoseconds: Self.wallNanoseconds
        )
        header.mac = SliceMAC.compute(topic: run.topic, header: header, records: records, keys: keys)
        return header.bytes
    }

    private static var wallNanoseconds: UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }
}

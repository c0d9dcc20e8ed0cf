import Bus
import Messages
import SwiftProtobuf
import Worker

/// A node's worker in virtual time: `Admission`, `Intake`, `Run`, `LastWord`, `Outbox` and `Outflow` decide.
final class VirtualNode {
    let number: Int
    let peer: Int
    let name: NodeName
    let link: VirtualLink
    unowned let world: Simulation
    // What survives the worker.
    var disk = VirtualDisk()
    var runs: [ExecutionID: VirtualRun] = [:]
    /// Without power: nothing answers, not even that nobody is there.
    private(set) var isSilent = false
    // The worker.
    private(set) var isUp = false
    private(set) var life = 0
    var intake = Intake()
    var keepers: [ExecutionID: VirtualKeeper] = [:]
    var outbox = Outbox()
    var clocks = OwnerClocks()
    private var sequence: UInt64 = 0
    private var chores: [Int: () -> Void] = [:]
    private var chore = 0
    private var isTicking = false
    private var isGathering = false
    private var said: Set<UInt64> = []
    /// What happens in the midst of a chore, after so many others.
    var strike: (left: Int, action: () -> Void)?
    private let admission: Admission

    init(_ world: Simulation, _ number: Int) {
        self.world = world
        self.number = number
        peer = world.peer(ofNode: number)
        name = world.keys.names[number]
        link = VirtualLink(world, peer: peer)
        admission = Admission(node: name, enrolment: world.keys.enrolments[number], keys: world.keys.nodeKeys[number])
        link.hello = { [unowned self] in
            var hello = WireHello()
            hello.runs = keepers.keys.sorted().map { .init($0.bytes) }
            return hello
        }
        link.receive = { [unowned self] in take($0) }
    }

    // MARK: Life

    func start() {
        life += 1
        (isUp, isSilent, isTicking, isGathering) = (true, false, false, false)
        intake = Intake()
        keepers = [:]
        outbox = Outbox()
        clocks = OwnerClocks()
        said = []
        disk.epoch += 1
        sequence = disk.epoch << 32
        takeUp()
        link.open()
    }

    /// What a chore was writing is on the disk or is not.
    func kill() {
        guard isUp else { return }
        isUp = false
        life += 1
        for (_, work) in chores.sorted(by: { $0.key < $1.key }) where world.dice.chance(500) { work() }
        chores = [:]
        for run in runs.values { run.tell = nil }
        link.close()
    }

    func losePower() {
        kill()
        isSilent = true
        for id in runs.keys.sorted() { runs[id]?.losePower() }
    }

    /// Whether nothing is owed any more.
    var isAtRest: Bool { isUp && keepers.isEmpty && outbox.isEmpty && link.connected.count == world.scenario.brokers }

    /// Something that blocks: `work` is done by a thread, and `then` on the loop.
    func add(
        taking milliseconds: ClosedRange<Int> = 1...9, _ work: @escaping () -> Void, then: @escaping () -> Void
    ) {
        chore += 1
        let number = chore
        chores[number] = work
        let delay = world.dice.milliseconds(milliseconds.lowerBound, milliseconds.upperBound)
        if let (left, strike) = strike {
            self.strike = left > 0 ? (left - 1, strike) : nil
            if left == 0 { world.after(Int64(world.dice.below(Int(delay))), strike) }
        }
        world.after(delay) { [unowned self, life] in
            guard life == self.life else { return }
            chores[number] = nil
            world.trace.note(world.now, 8, UInt64(peer), "\(name) chore done\(disk.isFull ? ", disk full" : "")")
            work()
            then()
        }
    }

    func tickWhileNeeded() {
        guard !isTicking, !keepers.isEmpty else { return }
        isTicking = true
        world.after(world.dice.milliseconds(250, 300)) { [unowned self, life] in
            guard life == self.life else { return }
            isTicking = false
            sendDue()
            for id in keepers.keys.sorted() { keepers[id]?.tick() }
            settle()
            tickWhileNeeded()
        }
    }

    func settle() {
        for id in keepers.keys.sorted() where keepers[id]?.isSettled == true {
            keepers[id] = nil
            outbox.forget(id)
            intake.settled(id)
            add({ [unowned self] in disk.folders[id]?.isSettled = true }, then: {})
        }
    }

    // MARK: The bus

    private func take(_ event: VirtualLink.Event) {
        switch event {
        case .connected:
            outbox.hurry(at: world.instant)
            sendDue()
            for id in keepers.keys.sorted() { keepers[id]?.tick() }
        case .letter(let envelope, let broker): take(envelope, broker)
        case .lost, .following, .beat: return
        }
    }

    private func take(_ envelope: Envelope, _ broker: Int) {
        guard let gateway = envelope.sender, world.isGateway(gateway) else { return }
        if case .order(let id, let body, let tag) = envelope.letter {
            return order(id, body, tag, from: gateway, broker)
        }
        guard envelope.seal == world.keys.seal(envelope.letter, node: number) else { return }
        switch envelope.letter {
        case .clock(let milliseconds, let owner):
            let said = WireClock.with {
                $0.milliseconds = milliseconds
                $0.gateway = world.principal(owner).description
            }
            _ = clocks.heard(said, from: world.principal(gateway), at: world.instant)
        case .stop(let id, let grace): stop(id, grace, from: gateway)
        case .reported(let id, let sequence):
            let isNewest = outbox.acknowledged(sequence, of: id)
            if isNewest { keepers[id]?.acknowledged() }
        case .taken(let id, let spool, let position, let window): keepers[id]?.taken(spool, position, window)
        case .copied(let id, let spool, let position): keepers[id]?.copied(spool, position)
        case .replay(let id, let spool, let from, let to):
            if keepers[id]?.replay(spool, from, to, to: gateway) != true { sayGone(id, spool, to: gateway) }
        default: return
        }
        settle()
    }

    private func order(_ id: ExecutionID, _ body: [UInt8], _ tag: [UInt8], from gateway: Int, _ broker: Int) {
        let header = Header(.order, id)
        let message = Link.Incoming(
            lane: .commands, broker: broker, sender: world.principal(gateway), header: header, headerBytes: [],
            body: body, tag: tag)
        guard
            case .admitted(let admitted) = admission.judge(
                message, ownerMilliseconds: clocks.estimate(of: world.principal(gateway), at: world.instant))
        else { return }
        // Without the check of its id every order is a new one.
        if world.scenario.defect == .deduplication { intake = Intake() }
        switch intake.order(id, hash: admitted.ticket.orderHash) {
        case .accept: accept(id, admitted, body)
        case .repeatState: keepers[id]?.repeatState()
        case .repeatLast: repeatLast(id, to: gateway)
        case .conflict: return
        }
    }

    func send(_ letter: Letter, to gateway: Int, lane: Network.Lane = .commands) {
        link.send(letter, seal: world.keys.seal(letter, node: number), to: gateway, lane: lane)
    }

    // MARK: Reports

    func stamp(_ report: inout WireReport, for gateway: Int) {
        sequence += 1
        report.sequence = sequence
        report.timeMilliseconds = clocks.estimate(of: world.principal(gateway), at: world.instant) ?? 0
    }

    func say(_ report: WireReport, of id: ExecutionID, to owner: Int) {
        outbox.put(report, of: id, to: world.principal(owner), at: world.instant)
        sendDue()
        guard !report.terminal, !isGathering else { return }
        isGathering = true
        world.after(Int64(Outbox.gathering / .nanoseconds(1))) { [unowned self, life] in
            guard life == self.life else { return }
            isGathering = false
            sendDue()
        }
    }

    private func sendDue() {
        for (id, report, owner) in outbox.due(at: world.instant) {
            // Without the retry what was said once is never said again.
            if world.scenario.defect == .acknowledgementRetry, !said.insert(report.sequence).inserted { continue }
            guard let gateway = world.gateway(of: owner) else { continue }
            send(.report(id, report), to: gateway)
        }
        world.bounded(outbox.count, by: 1_000, "\(name) owes reports")
    }
}

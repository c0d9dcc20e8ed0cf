import Bus
import Gateway
import Messages
import SwiftProtobuf

/// A gateway in virtual time: `Dispatcher`, `LogCopy`, `Rosters` and `Pending` decide, this carries out.
final class VirtualGateway {
    let index: Int
    let link: VirtualLink
    unowned let world: Simulation
    // What survives the process.
    var journal = VirtualJournal()
    var logs: [ExecutionID: VirtualLog] = [:]
    var isDiskFull = false
    /// Milliseconds that its wall clock is off.
    var wallOffset: Int64 = 0
    // The process.
    private(set) var isUp = false
    private(set) var life = 0
    var dispatcher = Dispatcher()
    var copy = LogCopy()
    var pending = Pending()
    private var rosters = Rosters()
    var isWriting = false
    var transactions: [Int: () -> Void] = [:]
    var transaction = 0
    var accepting: Set<Int> = []
    var writing: [ExecutionID: Writing] = [:]
    /// Logs that could not be written and are tried again.
    var failed: [ExecutionID: [LogCopy.Start]] = [:]
    var unsynced: Set<ExecutionID> = []
    var isSyncDue = false

    /// A log that is being written.
    struct Writing {
        var starts: [LogCopy.Start]
        /// The spools of the runs whose node waits for `copied`.
        var owed: [Int: UInt64] = [:]
    }

    init(_ world: Simulation, _ index: Int) {
        self.world = world
        self.index = index
        link = VirtualLink(world, peer: index)
        link.receive = { [unowned self] in take($0) }
    }

    var wall: Int64 { world.wall + wallOffset }
    var moment: Moment { Moment(steady: .nanoseconds(world.now), unixMilliseconds: wall) }
    var steady: Duration { .nanoseconds(world.now) }

    // MARK: Life

    func start() {
        life += 1
        isUp = true
        dispatcher = Dispatcher()
        copy = LogCopy()
        pending = Pending()
        rosters = Rosters()
        (isWriting, isSyncDue) = (false, false)
        (accepting, writing, failed, unsynced) = ([], [:], [:], [])
        _ = rosters.receive(.registered(world.keys.names))
        for entry in journal.unfinished { open(entry.execution, isOld: true) }
        link.open()
        every(200) { [unowned self] in perform(.tick) }
        every(100) { [unowned self] in carryOut(copy.receive(.tick, at: steady)) }
    }

    /// What was being written is on the disk or is not; what the page cache held is lost with the power only.
    func kill(power: Bool) {
        guard isUp else { return }
        isUp = false
        life += 1
        for (_, change) in transactions.sorted(by: { $0.key < $1.key }) where world.dice.chance(500) { change() }
        transactions = [:]
        if power { for id in logs.keys { logs[id]?.losePower() } }
        link.close()
    }

    private func every(_ milliseconds: Int, _ action: @escaping () -> Void) {
        let started = life
        world.after(world.dice.milliseconds(milliseconds, milliseconds + milliseconds / 4)) { [unowned self] in
            guard life == started else { return }
            action()
            every(milliseconds, action)
        }
    }

    /// Whether nothing is owed any more.
    var isAtRest: Bool {
        isUp && dispatcher.executions.isEmpty && pending.isEmpty && !isWriting && transactions.isEmpty
            && link.connected.count == world.scenario.brokers
            && world.nodes.allSatisfy { rosters.isPresent($0.name) }
    }

    /// What is owed, for the sentence of a violation.
    var debts: String {
        var debts: [String] = []
        for id in dispatcher.executions.keys.sorted() {
            for (number, run) in (dispatcher.executions[id]?.runs ?? []).enumerated() {
                let end = logs[id]?.ends[number] ?? 0
                if !run.state.isTerminal || end < run.finalLength ?? 0 {
                    debts.append(
                        "\(id.short) on \(run.node) is \(run.state.word), copied \(end) of \(run.finalLength.map(String.init) ?? "?")"
                    )
                }
            }
        }
        return "\(world.name(index)) (\(debts.joined(separator: "; ")))"
    }

    // MARK: The bus

    private func take(_ event: VirtualLink.Event) {
        switch event {
        case .connected: return
        case .lost(let broker): apply(.lost(broker: broker, atMilliseconds: wall))
        case .following: carryOut(copy.receive(.following, at: steady))
        case .beat(let broker, let digest):
            if rosters.isBehind(broker, digest) { link.send(.rosterAsked, to: nil, via: broker) }
        case .letter(let envelope, let broker): take(envelope, broker)
        }
    }

    private func take(_ envelope: Envelope, _ broker: Int) {
        switch envelope.letter {
        case .roster(let roster) where envelope.sender == nil: return apply(.roster(broker: broker, roster))
        case .presence(let presence) where envelope.sender == nil:
            return apply(.presence(broker: broker, presence))
        case .absent(let id, let nodes) where envelope.sender == nil: return perform(.absent(id, nodes))
        default: break
        }
        switch envelope.letter {
        case .slice(_, let slice), .range(let slice):
            guard envelope.seal == world.keys.seal(.range(slice), node: slice.node) else { return }
            return take(slice)
        default: break
        }
        guard let node = envelope.sender.flatMap({ world.node(of: $0) }),
            envelope.seal == world.keys.seal(envelope.letter, node: node)
        else { return }
        switch envelope.letter {
        case .report(let id, let wire):
            if let report = Dispatcher.Report(wire) { perform(.reported(id, world.keys.names[node], report)) }
        case .replayed(let id, let answer): take(answer, id, node)
        default: return
        }
    }

    private func apply(_ news: Rosters.News) {
        for change in rosters.receive(news).sorted(by: { $0.node < $1.node }) {
            if change.arrived {
                perform(.arrived(change.node))
                carryOut(copy.receive(.arrived(change.node), at: steady))
            } else if !change.isPresent {
                perform(.departed(change.node, sinceMilliseconds: change.sinceMilliseconds))
                carryOut(copy.receive(.departed(change.node), at: steady))
            }
        }
    }

    /// To a node, by the first broker that reaches it.
    func command(_ letter: Letter, to node: NodeName) {
        guard let number = world.keys.number(of: node) else { return }
        let seal = world.keys.seal(letter, node: number)
        link.send(letter, seal: seal, to: world.peer(ofNode: number), via: rosters.brokers(of: node).first)
    }

    /// A ticket made now, and a tag for each node.
    func deliver(_ id: ExecutionID, to nodes: [NodeName]) {
        guard let entry = journal[id] else { return }
        let ticket = Ticket(
            uid: entry.head.uid, user: entry.head.user, execution: id, session: entry.head.session, order: entry.order,
            issuedMilliseconds: wall
        ).bytes
        let delivery = WireDelivery.with {
            $0.ticket = .init(ticket)
            $0.order = .init(entry.order)
        }
        guard let body: [UInt8] = try? delivery.serializedBytes() else { return }
        world.ledger.issued(body, at: world.now)
        for node in nodes {
            guard let number = world.keys.number(of: node) else { continue }
            let tag = Tags.order(
                ticket: ticket, node: node, enrolment: world.keys.enrolments[number], keys: world.keys.nodeKeys[number])
            let letter = Letter.order(id, body: body, tag: tag)
            world.nemesis.overheard(letter, from: index, to: number)
            link.send(letter, to: world.peer(ofNode: number), via: rosters.brokers(of: node).first)
        }
    }
}

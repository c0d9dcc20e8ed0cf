import Bus
import Messages

/// What a peer gets by a link: a letter, who sent it, and the seal it came with.
struct Envelope {
    var letter: Letter
    /// Vouched for by the broker; nil: the broker itself.
    var sender: Int?
    var seal: UInt64
}

/// A peer's end of the bus as `Bus.Link` is it: a line to each broker, treated as `LineState` says.
final class VirtualLink {
    enum Event {
        case connected(broker: Int)
        case lost(broker: Int)
        case following
        case beat(broker: Int, digest: UInt64)
        case letter(Envelope, broker: Int)
    }

    let peer: Int
    /// A connection's number; another one is another connection.
    private(set) var generations: [Int]
    private var lines: [LineState] = []
    private(set) var followed: Int?
    private var life = 0
    private let role: Principal.Role
    private unowned let world: Simulation
    var hello: () -> WireHello = { WireHello() }
    var receive: (Event) -> Void = { _ in }

    init(_ world: Simulation, peer: Int) {
        self.world = world
        self.peer = peer
        role = world.principal(peer).role
        generations = Array(repeating: 0, count: world.scenario.brokers)
    }

    private(set) var isOpen = false

    /// The process is there.
    func open() {
        life += 1
        isOpen = true
        followed = nil
        for broker in generations.indices { connect(broker) }
        // A service has no commands to get.
        guard role != .service else { return }
        lines = generations.indices.map { _ in
            LineState(openedAt: world.instant, jitter: 0.75 + Double(world.dice.below(501)) / 1000)
        }
        schedule()
    }

    /// The process is gone.
    func close() {
        life += 1
        isOpen = false
        lines = []
        for broker in generations.indices { generations[broker] += 1 }
    }

    var connected: [Int] { lines.indices.filter { lines[$0].instance != nil } }

    private func connect(_ broker: Int) {
        generations[broker] += 1
        subscribe(broker)
    }

    /// What a socket says by itself whenever it is connected.
    func subscribe(_ broker: Int) {
        guard role != .node, isOpen else { return }
        // The service asks for more than it was granted.
        let prefixes =
            role == .service
            ? [Keys.grant, "output/", "", "output/an", "presence/"]
            : broker == followed ? ["output/", "presence/"] : ["presence/"]
        post(broker, .output, Envelope(letter: .subscribe(prefixes), sender: peer, seal: 0), to: nil, isSure: true)
    }

    private func schedule() {
        let life = life
        let delay = world.dice.milliseconds(1_000, 1_080)
        world.after(lines.contains(where: \.isUncertain) ? delay / 8 : delay) { [unowned self] in
            guard life == self.life else { return }
            for broker in lines.indices { apply(lines[broker].receive(.tick, at: world.instant), broker) }
            schedule()
        }
    }

    private func apply(_ effects: [LineState.Effect], _ broker: Int) {
        for effect in effects {
            switch effect {
            case .sayHello: sayHello(broker)
            case .heartbeat:
                post(broker, .commands, Envelope(letter: .heartbeat(digest: 0), sender: peer, seal: 0), to: nil)
            case .connected: connected(broker)
            case .lost: lost(broker)
            case .rebuild: connect(broker)
            }
        }
    }

    private func sayHello(_ broker: Int) {
        var hello = hello()
        hello.versionOldest = UInt32(ProtocolVersion.oldest)
        hello.versionNewest = UInt32(ProtocolVersion.newest)
        let isSent = post(broker, .commands, Envelope(letter: .hello(hello), sender: peer, seal: 0), to: nil)
        apply(lines[broker].receive(.saidHello(isSent), at: world.instant), broker)
    }

    private func connected(_ broker: Int) {
        world.trace.note(world.now, 1, UInt64(peer << 8 | broker), "\(world.name(peer)) connected to broker \(broker)")
        receive(.connected(broker: broker))
        guard role == .gateway else { return }
        chooseFollowed()
        if followed == broker { receive(.following) }
    }

    private func lost(_ broker: Int) {
        world.trace.note(world.now, 2, UInt64(peer << 8 | broker), "\(world.name(peer)) lost broker \(broker)")
        receive(.lost(broker: broker))
        guard role == .gateway else { return }
        if followed == broker { followed = nil }
        if chooseFollowed(), followed != broker { receive(.following) }
    }

    @discardableResult
    private func chooseFollowed() -> Bool {
        if let followed, lines[followed].instance != nil { return false }
        let before = followed
        followed = connected.first
        for broker in lines.indices { subscribe(broker) }
        return followed != nil && followed != before
    }

    // MARK: Sending and receiving

    /// To a peer, nil being the broker itself, by a broker or the first that is connected.
    @discardableResult
    func send(
        _ letter: Letter, seal: UInt64 = 0, to target: Int?, lane: Network.Lane = .commands, via broker: Int? = nil
    ) -> Bool {
        guard let broker = broker ?? connected.first, isOpen, lines[broker].instance != nil else { return false }
        return post(broker, lane, Envelope(letter: letter, sender: peer, seal: seal), to: target)
    }

    @discardableResult
    private func post(_ index: Int, _ lane: Network.Lane, _ envelope: Envelope, to target: Int?, isSure: Bool = false)
        -> Bool
    {
        let broker = world.brokers[index]
        guard broker.isUp else { return false }
        let (life, generation, peer) = (broker.life, generations[index], peer)
        return world.network.carry(peer, index, isUp: true, lane, isSure: isSure) { [unowned self] in
            guard broker.isUp, broker.life == life, generations[index] == generation else { return }
            broker.receive(envelope, from: peer, generation, lane, to: target)
        }
    }

    func arrived(_ envelope: Envelope, _ lane: Network.Lane, from broker: Int) {
        guard isOpen else { return }
        guard role != .service else { return receive(.letter(envelope, broker: broker)) }
        if lane == .commands { apply(lines[broker].receive(.heard, at: world.instant), broker) }
        switch envelope.letter {
        case .welcome(let instance):
            apply(lines[broker].receive(.welcomed(instance: instance), at: world.instant), broker)
        case .helloAsked(let isUnheard):
            apply(lines[broker].receive(isUnheard ? .unheard : .helloAsked, at: world.instant), broker)
        case .heartbeat(let digest): if role == .gateway, digest != 0 { receive(.beat(broker: broker, digest: digest)) }
        // Before the welcome nothing could be sent to the node; the roster behind it says the same.
        case .presence where lines[broker].instance == nil: return
        default: receive(.letter(envelope, broker: broker))
        }
    }
}

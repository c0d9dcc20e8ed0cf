import Broker
import Bus
import Messages

/// A broker in virtual time: `Directory`, `Subscriptions` and `SenderCheck` decide, this carries out.
final class VirtualBroker {
    let index: Int
    private(set) var isUp = false
    /// Another number is another start.
    private(set) var life = 0
    private var directory: Directory
    private var subscriptions: Subscriptions<Int>
    /// By peer: its connection and the prefixes that were accepted.
    private var readers: [Int: (generation: Int, prefixes: [[UInt8]])] = [:]
    private unowned let world: Simulation

    init(_ world: Simulation, _ index: Int) {
        self.world = world
        self.index = index
        directory = Directory(instance: 1, registry: Registry(), at: Moment(world.instant, unixMilliseconds: 0))
        subscriptions = Subscriptions(registry: Registry())
    }

    private var moment: Moment { Moment(world.instant, unixMilliseconds: world.wall) }

    func start() {
        isUp = true
        life += 1
        readers = [:]
        directory = Directory(instance: world.dice.next() | 1, registry: world.keys.registry, at: moment)
        subscriptions = Subscriptions(registry: world.keys.registry)
        let started = life
        tick(started)
        for link in world.links {
            world.after(world.dice.milliseconds(100, 2_000)) { [unowned self] in
                if isUp, life == started { link.subscribe(index) }
            }
        }
    }

    func kill() {
        isUp = false
        life += 1
    }

    private func tick(_ started: Int) {
        guard isUp, life == started else { return }
        apply(directory.receive(.tick, at: moment))
        world.after(world.dice.milliseconds(250, 300)) { [unowned self] in tick(started) }
    }

    // MARK: In

    func receive(_ envelope: Envelope, from peer: Int, _ generation: Int, _ lane: Network.Lane, to target: Int?) {
        world.noteLetter(envelope.letter, from: peer, to: nil, at: index)
        if lane == .output { return published(envelope, from: peer, generation) }
        let principal = world.principal(peer)
        let connection = connection(peer, generation)
        if case .hello(let hello) = envelope.letter {
            return apply(directory.receive(.hello(principal, connection, hello), at: moment))
        }
        if lane == .commands {
            let (isKnown, effects) = directory.heard(principal, connection, at: moment)
            apply(effects)
            guard isKnown else { return _ = tell(connection, .helloAsked(isUnheard: false)) }
        }
        guard let target else {
            if case .rosterAsked = envelope.letter { apply([.roster(connection)]) }
            return
        }
        forward(envelope, from: connection, lane, to: target)
    }

    private func forward(_ envelope: Envelope, from sender: Connection, _ lane: Network.Lane, to target: Int) {
        let principal = world.principal(target)
        if let connection = directory.connection(of: principal) {
            switch post(connection, envelope, lane) {
            case .done: return
            case .full: break
            case .unreachable: apply(directory.receive(.gone(principal, connection), at: moment))
            }
        }
        guard let node = principal.node, let id = envelope.letter.execution else { return }
        _ = tell(sender, .absent(id, [node]))
    }

    private func published(_ envelope: Envelope, from peer: Int, _ generation: Int) {
        switch envelope.letter {
        case .subscribe(let prefixes): subscribe(peer, generation, prefixes)
        case .slice(let topic, _):
            let sender = Array(world.principal(peer).description.utf8)
            let isAllowed = sender.withUnsafeBytes { sender in
                topic.withUnsafeBytes { SenderCheck.allows(sender, topic: $0) }
            }
            if isAllowed { publish(envelope, topic) }
        default: return
        }
    }

    private func subscribe(_ peer: Int, _ generation: Int, _ prefixes: [String]) {
        let principal = world.principal(peer)
        let accepted = prefixes.map { Array($0.utf8) }.filter {
            subscriptions.request($0, by: principal, key: world.keys.publicKey(of: peer), over: peer) == .accept
        }
        readers[peer] = (generation, accepted)
    }

    private func publish(_ envelope: Envelope, _ topic: [UInt8]) {
        for (peer, reader) in readers.sorted(by: { $0.key < $1.key })
        where reader.prefixes.contains(where: { topic.starts(with: $0) }) {
            _ = post(connection(peer, reader.generation), envelope, .output)
        }
    }

    // MARK: Out

    private enum Sent { case done, full, unreachable }

    private func tell(_ connection: Connection, _ letter: Letter) -> Sent {
        post(connection, Envelope(letter: letter, sender: nil, seal: 0), .commands)
    }

    private func post(_ connection: Connection, _ envelope: Envelope, _ lane: Network.Lane) -> Sent {
        let (peer, generation) = Self.peer(connection)
        let link = world.links[peer]
        // A machine without power says nothing; a process that was killed leaves a closed connection.
        guard link.generations[index] == generation else { return world.isSilent(peer) ? .done : .unreachable }
        let isTaken = world.network.carry(peer, index, isUp: false, lane) { [unowned self] in
            guard link.generations[index] == generation else { return }
            world.noteLetter(envelope.letter, from: envelope.sender, to: peer, at: index)
            link.arrived(envelope, lane, from: index)
        }
        return isTaken ? .done : .full
    }

    private func apply(_ effects: [Directory.Effect]) {
        // The directory names those it beats for in no order.
        var beats: [(peer: Int, connection: Connection)] = []
        for effect in effects {
            switch effect {
            case .welcome(let connection): _ = tell(connection, .welcome(instance: directory.instance))
            case .unheard(let connection): _ = tell(connection, .helloAsked(isUnheard: true))
            case .refuse: continue
            case .probe(let connection, let principal): beat(connection, principal)
            case .heartbeat(let connection, _): beats.append((Self.peer(connection).peer, connection))
            case .roster(let connection): _ = tell(connection, .roster(directory.roster))
            case .presence(let presence):
                guard let node = NodeName(presence.node) else { continue }
                publish(Envelope(letter: .presence(presence), sender: nil, seal: 0), Topic.presence(node).bytes)
            case .revoke: continue
            }
        }
        let digest = beats.isEmpty ? 0 : directory.digest
        for (peer, connection) in beats.sorted(by: { $0.peer < $1.peer }) {
            let letter = Letter.heartbeat(digest: connection.side == .gateways ? digest : 0)
            guard tell(connection, letter) == .unreachable else { continue }
            apply(directory.receive(.gone(world.principal(peer), connection), at: moment))
        }
    }

    private func beat(_ connection: Connection, _ principal: Principal) {
        guard tell(connection, .heartbeat(digest: 0)) == .unreachable else { return }
        apply(directory.receive(.gone(principal, connection), at: moment))
    }

    // MARK: Connections

    private func connection(_ peer: Int, _ generation: Int) -> Connection {
        let number = UInt64(peer) << 32 | UInt64(generation)
        return Connection(
            side: world.isGateway(peer) ? .gateways : .workers,
            id: (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) })
    }

    private static func peer(_ connection: Connection) -> (peer: Int, generation: Int) {
        var number: UInt64 = 0
        for byte in connection.id.reversed() { number = number << 8 | UInt64(byte) }
        return (Int(number >> 32), Int(number & 0xFFFF_FFFF))
    }
}

internal import Bus
internal import Logging
internal import Messages
private import SwiftProtobuf
internal import ZeroMQ

/// The commands lane: two ROUTERs on one thread, and the directory of who is present.
final class CommandsLane {
    private static let tick: Duration = .milliseconds(250)
    /// Messages waiting for one peer. A gateway gets the reports of all nodes at once.
    private static let gatewayQueue: Int32 = 20_000
    private static let workerQueue: Int32 = 1000
    /// What a peer may say of itself: all of it goes to every gateway.
    private static let longestHello = 256 << 10

    private let loop: PollLoop
    private let log: Logger
    private let gateways: Socket
    private let workers: Socket
    private let output: Remote<OutputLane>
    private var directory: Directory
    private var registry: Registry
    private var names = SenderNames()
    private var drops = Drops()
    /// The TCP connection of each principal that said hello, so that it can be cut off.
    private var connections: [Principal: PeerConnection] = [:]
    /// The same of one that contests the place of a principal that is there.
    private var newcomers: [Principal: (connection: Connection, peer: PeerConnection)] = [:]

    init(
        _ settings: BrokerSettings, _ registry: Registry, instance: UInt64, on loop: PollLoop, log: Logger,
        output: Remote<OutputLane>
    ) throws {
        self.loop = loop
        self.log = log
        self.output = output
        self.registry = registry
        directory = Directory(instance: instance, registry: registry, at: Moment(now: loop.now))
        gateways = try settings.socket(.router, .gateways, on: loop, queue: Self.gatewayQueue)
        workers = try settings.socket(.router, .workers, on: loop, queue: Self.workerQueue)
        loop.add(gateways, frames: 6) { [unowned self] in received(&$0, .gateways) }
        loop.add(workers, frames: 6) { [unowned self] in received(&$0, .workers) }
        loop.after(Self.tick, every: Self.tick) { [unowned self] in apply(directory.receive(.tick, at: now)) }
    }

    func replace(_ registry: Registry) {
        self.registry = registry
        apply(directory.receive(.registry(registry), at: now))
    }

    // MARK: Receiving

    /// Frames: routing id, peer, header, body, and a tag or a fan-out's pairs. The first is the ROUTER's own and has no
    /// `User-Id` after a poll (libzmq 4.3.4), so the sender is read from the second.
    private func received(_ message: inout Multipart, _ side: Connection.Side) {
        guard message.count > 1, let sender = names.sender(of: message[1]) else { return drop("no sender", "") }
        guard (4...5).contains(message.count), !message.isOversized else {
            return drop("not 4 or 5 frames", sender.text)
        }
        let connection = Connection(side: side, id: message[0].bytes)
        let header: Header
        do {
            header = try Header(bytes: message[2].bytes)
        } catch {
            return refuse(error, connection, sender)
        }
        if message[1].count == 0, header.verb == .hello { return hello(&message, connection, sender) }
        let (isKnown, effects) = directory.heard(sender.principal, connection, at: now)
        apply(effects)
        guard isKnown else {
            _ = socket(side).tell(connection.id, Header(.helloAsked))
            return
        }
        if message[1].count == 0 { return toBroker(&message, header, sender, connection) }
        if message[1].count == 1, message[1].bytes == [UInt8(ascii: "*")] {
            return fanOut(&message, header, from: sender, connection)
        }
        forward(&message, header, from: sender, connection)
    }

    private func refuse(_ malformed: Header.Malformed, _ connection: Connection, _ sender: SenderNames.Sender) {
        guard case .version(let found) = malformed else { return drop("malformed header", sender.text) }
        drop("protocol version \(found)", sender.text)
        let failure = Failure(
            .version, "this broker speaks versions \(ProtocolVersion.oldest) to \(ProtocolVersion.newest)")
        _ = socket(connection.side).tell(connection.id, Header(.failure), failure.wire.bytes)
    }

    private func hello(_ message: inout Multipart, _ connection: Connection, _ sender: SenderNames.Sender) {
        guard message[3].count <= Self.longestHello else {
            let failure = Failure(.tooLarge, "a hello has at most \(Self.longestHello) bytes")
            _ = socket(connection.side).tell(connection.id, Header(.failure), failure.wire.bytes)
            return drop("a hello too long", sender.text)
        }
        let wire = message[3].withBytes { try? WireHello(serializedBytes: Array($0)) }
        guard let wire else { return drop("malformed hello", sender.text) }
        let peer = PeerConnection(of: message[1])
        guard registry[message[1].senderKey ?? []]?.principal == sender.principal else {
            peer?.cutOff()
            return drop("not known any more", sender.text)
        }
        apply(directory.receive(.hello(sender.principal, connection, wire), at: now))
        if directory.connection(of: sender.principal) == connection {
            connections[sender.principal] = peer
        } else if let peer {
            newcomers[sender.principal] = (connection, peer)
        }
    }

    private func toBroker(
        _ message: inout Multipart, _ header: Header, _ sender: SenderNames.Sender, _ connection: Connection
    ) {
        switch (header.verb, sender.principal.role) {
        case (.heartbeat, _): break
        case (.roster, .gateway): apply([.roster(connection)])
        case (.follow, .gateway):
            let follow = message[3].withBytes { try? WireFollow(serializedBytes: Array($0)) }
            guard let follow else { return drop("malformed follow", sender.text) }
            let gateway = sender.text
            output.post { $0.follow(gateway, follow.prefixes) }
        case (.grants, .gateway):
            let grants = message[3].withBytes { try? WireGrants(serializedBytes: Array($0)) }
            guard let grants else { return drop("malformed grants", sender.text) }
            let gateway = sender.principal
            output.post { $0.granted(by: gateway, grants) }
        default: drop("a verb the broker does not know", sender.text)
        }
    }

    // MARK: Sending on

    private func forward(
        _ message: inout Multipart, _ header: Header, from sender: SenderNames.Sender, _ connection: Connection
    ) {
        guard let peer = message[1].withBytes({ names.principal($0) }) else { return drop("no such peer", sender.text) }
        guard sender.principal.role == .gateway || peer.role == .gateway, peer.role == .gateway || peer.role == .node
        else {
            return drop("not allowed to that peer", sender.text)
        }
        guard let target = directory.connection(of: peer) else {
            return socket(connection.side).tellAbsent(connection.id, header, nodes: [peer.name], code: .unreachable)
        }
        let sent = socket(target.side).handOn(&message, to: target.id, from: sender.bytes)
        guard sent != .done else { return }
        if sent == .unreachable { apply(directory.receive(.gone(peer, target), at: now)) }
        let code: Failure.Code = sent == .full ? .busy : .unreachable
        socket(connection.side).tellAbsent(connection.id, header, nodes: [peer.name], code: code)
    }

    /// Sends each node of the pairs the same body by reference with its own tag.
    private func fanOut(
        _ message: inout Multipart, _ header: Header, from sender: SenderNames.Sender, _ connection: Connection
    ) {
        guard sender.principal.role == .gateway, message.count == 5 else { return drop("not a fan-out", sender.text) }
        var pairs = ByteReader(message[4].bytes)
        let headerBytes = message[2].bytes
        var missing: [Failure.Code: [String]] = [:]
        while pairs.remaining > 0 {
            guard let name = pairs.short() else { return drop("malformed pairs", sender.text) }
            let tag = pairs.take(Tags.size)
            guard !pairs.isShort else { return drop("malformed pairs", sender.text) }
            let peer = Principal(.node, name)
            guard let target = directory.connection(of: peer) else {
                missing[.unreachable, default: []].append(name)
                continue
            }
            switch send(headerBytes, &message[3], tag, to: target, from: sender) {
            case .done: continue
            case .full: missing[.busy, default: []].append(name)
            case .unreachable:
                missing[.unreachable, default: []].append(name)
                apply(directory.receive(.gone(peer, target), at: now))
            }
        }
        for (code, nodes) in missing {
            socket(connection.side).tellAbsent(connection.id, header, nodes: nodes, code: code)
        }
    }

    private func send(
        _ header: [UInt8], _ body: inout Frame, _ tag: [UInt8], to target: Connection, from sender: SenderNames.Sender
    ) -> Socket.Sent {
        let socket = socket(target.side)
        var first = Frame(target.id)
        let sent = socket.send(&first, more: true)
        guard sent == .done else { return sent }
        var name = Frame(sender.bytes)
        var head = Frame(header)
        var shared = Frame(sharing: &body)
        var last = Frame(tag)
        _ = socket.send(&name, more: true)
        _ = socket.send(&head, more: true)
        _ = socket.send(&shared, more: true)
        return socket.send(&last)
    }

    // MARK: Effects

    private func apply(_ effects: [Directory.Effect]) {
        for effect in effects {
            switch effect {
            case .welcome(let connection): welcome(connection)
            case .unheard(let connection):
                _ = socket(connection.side).tell(connection.id, Header(.helloAsked, sequence: Header.unheard))
            case .refuse(let connection, let principal, let failure):
                log.warning(
                    "hello refused", metadata: ["principal": "\(principal)", "code": "\(failure.code.rawValue)"])
                _ = socket(connection.side).tell(connection.id, Header(.failure), failure.wire.bytes)
            case .probe(let connection, let principal), .heartbeat(let connection, let principal):
                let digest = connection.side == .gateways ? directory.digest : 0
                let beat = Header(.heartbeat, sequence: digest)
                guard socket(connection.side).tell(connection.id, beat) == .unreachable else { continue }
                apply(directory.receive(.gone(principal, connection), at: now))
            case .roster(let connection):
                _ = socket(connection.side).tell(connection.id, Header(.roster), directory.roster.bytes)
            case .presence(let presence): publish(presence)
            case .revoke(let principal):
                newcomers[principal] = nil
                log.warning("revoked", metadata: ["principal": "\(principal)"])
                connections.removeValue(forKey: principal)?.cutOff()
            }
        }
    }

    private func welcome(_ connection: Connection) {
        if let (principal, newcomer) = newcomers.first(where: { $0.value.connection == connection }) {
            newcomers[principal] = nil
            connections[principal] = newcomer.peer
        }
        let body = WireWelcome.with {
            $0.instance = directory.instance
            $0.version = UInt32(ProtocolVersion.newest)
        }
        _ = socket(connection.side).tell(connection.id, Header(.welcome), body.bytes)
    }

    private func publish(_ presence: WirePresence) {
        guard let node = NodeName(presence.node) else { return }
        log.info(presence.present ? "here" : "away", metadata: ["node": "\(node)"])
        let topic = Topic.presence(node).bytes
        let body = presence.bytes
        output.post { $0.publish(topic, body) }
    }

    // MARK: Own

    private var now: Moment { Moment(now: loop.now) }
    private func socket(_ side: Connection.Side) -> Socket { side == .gateways ? gateways : workers }
    private func drop(_ reason: String, _ sender: String) { drops.add(reason, from: sender, at: loop.now, log: log) }
}

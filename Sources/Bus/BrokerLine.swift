internal import Messages
private import SwiftProtobuf
internal import ZeroMQ

/// The sockets to one broker, and what came by them since the last hand-over.
final class BrokerLine {
    private let index: Int
    private let role: Link.Role
    private let address: BrokerAddress
    private let keys: KeyPair
    private let loop: PollLoop
    private let deliver: ([Link.Event]) -> Void

    private var state: LineState
    private var events: [Link.Event] = []
    private var watches: [PollLoop.Watch] = []
    private var commands: Socket?
    private var publisher: Socket?
    private var subscriber: Socket?
    private var bulk: BulkLine?
    private var senders = PrincipalCache()
    private var interest: Set<[UInt8]> = []
    private var subscriptions: Set<[UInt8]> = []
    /// Versions that are not known here, with who spoke them: told once.
    private var foreigners: Set<String> = []
    private static let mostForeigners = 1000
    var hello: WireHello

    init(
        _ index: Int, _ role: Link.Role, _ address: BrokerAddress, keys: KeyPair, hello: WireHello, on loop: PollLoop,
        deliver: @escaping ([Link.Event]) -> Void
    ) throws(ZeroMQError) {
        self.index = index
        self.role = role
        self.address = address
        self.keys = keys
        self.hello = hello
        self.loop = loop
        self.deliver = deliver
        state = LineState(openedAt: loop.now, jitter: .random(in: 0.75...1.25))
        try open()
    }

    var isConnected: Bool { state.instance != nil }
    var isUncertain: Bool { state.isUncertain }

    // MARK: Sockets

    private func open() throws(ZeroMQError) {
        let commands = try socket(
            .dealer, role == .gateway ? .gateways : .workers, highWater: role == .gateway ? 20_000 : 1000,
            // The roster has what every node says of itself.
            role == .gateway ? [.maxMessageSize(1 << 30)] : [])
        self.commands = commands
        watch(commands, frames: 5) { [unowned self] in received(&$0, on: .commands) }
        if role == .gateway {
            try openPublisher()
            let subscriber = try socket(.sub, .subscribers, highWater: 512)
            for prefix in subscriptions { try subscriber.set(.subscribe(prefix)) }
            self.subscriber = subscriber
            watch(subscriber, frames: 4) { [unowned self] in published(&$0) }
            openBulk()
        }
    }

    /// A node's is opened by the broker's welcome: where thousands come at once, all can be reached before the handshakes
    /// of their second connections.
    private func openPublisher() throws(ZeroMQError) {
        guard publisher == nil else { return }
        // The broker is its only subscriber: a full queue is told to the caller, who waits, instead of dropped.
        let publisher = try socket(.xpub, .publishers, highWater: 32, [.xpubNoDrop, .immediate])
        self.publisher = publisher
        watch(publisher, frames: 1) { [unowned self] in interestChanged(&$0) }
    }

    private func socket(
        _ kind: Socket.Kind, _ port: Port, highWater: Int32, _ more: [Option] = []
    ) throws(ZeroMQError) -> Socket {
        let socket = try Socket(kind, in: loop.context, Self.options(keys, address, highWater: highWater) + more)
        try socket.connect(address.endpoint(port))
        return socket
    }

    /// Without ZMQ_IMMEDIATE: with it a connection that is made anew ends its pipe, and a socket that is just then between two
    /// frames of a message ends the process (libzmq 4.3.4, `!_more` in fq.cpp). Only one whose messages all have one frame
    /// may have it.
    static func options(_ keys: KeyPair, _ address: BrokerAddress, highWater: Int32) -> [Option] {
        [
            .curveClient(publicKey: keys.publicKey, secretKey: keys.secretKey, serverKey: address.publicKey),
            .highWater(send: highWater, receive: highWater),
            .linger(.milliseconds(500)),
            .reconnect(every: .milliseconds(100), upTo: .seconds(2)),
            .connect(within: .seconds(3)),
            .heartbeats(every: .seconds(2), timeout: .seconds(6)),
            .handshake(.seconds(30)),
            .maxMessageSize(16 << 20),
        ]
    }

    private func watch(_ socket: Socket, frames: Int, _ receive: @escaping (inout Multipart) -> Void) {
        watches.append(loop.add(socket, frames: frames, receive: receive, passed: { [unowned self] in flush() }))
    }

    private func openBulk() {
        guard bulk == nil else { return }
        bulk = try? BulkLine(address, keys: keys, highWater: role == .gateway ? 8 : 256, on: loop) { [unowned self] in
            received(&$0, on: .bulk)
        } passed: { [unowned self] in
            flush()
        }
    }

    func close() {
        for watch in watches { loop.remove(watch) }
        watches = []
        bulk?.close()
        bulk = nil
        for socket in [commands, publisher, subscriber] { socket?.close() }
        (commands, publisher, subscriber) = (nil, nil, nil)
    }

    private func rebuild() {
        close()
        for prefix in interest { events.append(.interest(broker: index, prefix: prefix, isWanted: false)) }
        interest = []
        try? open()
    }

    // MARK: Time

    func tick() {
        apply(state.receive(.tick, at: loop.now))
        if isConnected { try? openPublisher() }
        bulk?.tick(at: loop.now)
        if role == .node, let bulk, bulk.isIdle(at: loop.now) {
            bulk.close()
            self.bulk = nil
        }
        flush()
    }

    private func apply(_ effects: [LineState.Effect]) {
        for effect in effects {
            switch effect {
            case .sayHello: sayHello()
            case .heartbeat: sendCommand([[], Header(.heartbeat).bytes, []])
            case .connected(let instance):
                try? openPublisher()
                bulk?.sayHello(at: loop.now)
                events.append(.connected(broker: index, instance: instance))
            case .lost: events.append(.lost(broker: index))
            case .rebuild: rebuild()
            }
        }
    }

    func sayHello() {
        guard let body: [UInt8] = try? hello.serializedBytes() else { return }
        let isSent = sendCommand([[], Header(.hello).bytes, body])
        apply(state.receive(.saidHello(isSent), at: loop.now))
    }

    private func flush() {
        guard !events.isEmpty else { return }
        let ready = events
        events = []
        deliver(ready)
    }

    // MARK: Sending

    @discardableResult
    func sendCommand(_ parts: [[UInt8]]) -> Bool { commands?.send(parts) == .done }

    func sendBulk(_ parts: [[UInt8]]) -> Bool {
        openBulk()
        return bulk?.send(parts, at: loop.now) ?? false
    }

    var sharesBulk: Bool { bulk?.shares ?? false }

    func publish(_ topic: [UInt8], _ parts: [[UInt8]]) -> Bool { publisher?.send([topic] + parts) == .done }

    /// The prefixes the SUB follows from now on; what it followed before and is not among them is let go.
    func subscribe(to prefixes: Set<[UInt8]>) {
        for prefix in subscriptions.subtracting(prefixes) { try? subscriber?.set(.unsubscribe(prefix)) }
        for prefix in prefixes.subtracting(subscriptions) { try? subscriber?.set(.subscribe(prefix)) }
        subscriptions = prefixes
    }

    // MARK: Receiving

    private func received(_ message: inout Multipart, on lane: Link.Lane) {
        guard message.count >= 3, !message.isOversized else { return }
        let headerBytes = message[1].bytes
        let sender = message[0].withBytes { senders[$0] }
        let header: Header
        do {
            header = try Header(bytes: headerBytes)
        } catch {
            if case .version(let found) = error { foreign(found, from: sender) }
            return
        }
        let body = message[2].bytes
        if lane == .commands { apply(state.receive(.heard, at: loop.now)) }
        guard sender == nil else {
            let tag = message.count > 3 ? message[3].bytes : []
            bulk?.used(at: loop.now, if: lane == .bulk)
            return take(header, headerBytes, body, tag, from: sender, on: lane)
        }
        switch (header.verb, lane) {
        case (.welcome, .commands):
            guard let welcome = try? WireWelcome(serializedBytes: body) else { return }
            apply(state.receive(.welcomed(instance: welcome.instance), at: loop.now))
        case (.welcome, .bulk):
            let welcome = try? WireWelcome(serializedBytes: body)
            bulk?.welcomed(shares: welcome?.shares == true, at: loop.now)
        case (.helloAsked, .commands):
            apply(state.receive(header.sequence == Header.unheard ? .unheard : .helloAsked, at: loop.now))
        case (.helloAsked, .bulk): bulk?.sayHello(at: loop.now)
        case (.heartbeat, .commands) where role == .gateway && header.sequence != 0:
            events.append(.beat(broker: index, digest: header.sequence))
        case (.heartbeat, _): break
        case (.failure, .commands):
            guard let failure = try? WireFailure(serializedBytes: body) else { return }
            events.append(.refused(broker: index, Failure(failure)))
        default: take(header, headerBytes, body, [], from: nil, on: lane)
        }
    }

    /// Somebody speaks a version that this program does not know: said here and there, once for each and line.
    private func foreign(_ version: UInt8, from sender: Principal?) {
        guard foreigners.count < Self.mostForeigners,
            foreigners.insert("\(version) \(sender?.description ?? "")").inserted
        else { return }
        let known = "versions \(ProtocolVersion.oldest) to \(ProtocolVersion.newest)"
        let who = sender?.description ?? "the broker"
        events.append(
            .refused(broker: index, Failure(.version, "\(who) speaks version \(version), this program \(known)")))
        guard let sender else { return }
        let failure = Failure(.version, "the other side speaks \(known)")
        guard let body: [UInt8] = try? failure.wire.serializedBytes() else { return }
        sendCommand([Array(sender.description.utf8), Header(.failure).bytes, body])
    }

    private func take(
        _ header: Header, _ headerBytes: [UInt8], _ body: [UInt8], _ tag: [UInt8], from sender: Principal?,
        on lane: Link.Lane
    ) {
        let incoming = Link.Incoming(
            lane: lane, broker: index, sender: sender, header: header, headerBytes: headerBytes, body: body, tag: tag)
        events.append(.message(incoming))
    }

    private func interestChanged(_ message: inout Multipart) {
        let bytes = message[0].bytes
        guard let first = bytes.first, first <= 1 else { return }
        let prefix = Array(bytes.dropFirst())
        if first == 1 { interest.insert(prefix) } else { interest.remove(prefix) }
        events.append(.interest(broker: index, prefix: prefix, isWanted: first == 1))
    }

    private func published(_ message: inout Multipart) {
        let topic = message[0].bytes
        var parts: [[UInt8]] = []
        for part in 1..<max(1, message.count) { parts.append(message[part].bytes) }
        events.append(.output(Link.Output(broker: index, topic: topic, parts: parts)))
    }
}

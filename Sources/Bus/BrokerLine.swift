internal import Messages
private import SwiftProtobuf
internal import ZeroMQ

/// The sockets to one broker, and what came by them since the last hand-over.
final class BrokerLine {
    let index: Int
    let role: Link.Role
    private let address: BrokerAddress
    private let keys: KeyPair
    let loop: PollLoop
    private let deliver: ([Link.Event]) -> Void

    var state: LineState
    var events: [Link.Event] = []
    private var watches: [PollLoop.Watch] = []
    var commands: Socket?
    private var publisher: Socket?
    private var subscriber: Socket?
    var bulk: BulkLine?
    var senders = PrincipalCache()
    var interest: Set<[UInt8]> = []
    private var subscriptions: Set<[UInt8]> = []
    /// Versions that are not known here, with who spoke them: told once.
    var foreigners: Set<String> = []
    static let mostForeigners = 1000
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
        let publisher = try socket(.xpub, .publishers, highWater: 32, [.xpubNoDrop(true), .immediate])
        self.publisher = publisher
        watch(publisher, frames: 1) { [unowned self] in interestChanged(&$0) }
    }

    private func socket(
        _ kind: Socket.Kind, _ port: Port, highWater: Int32, _ more: [Option] = []
    ) throws(ZeroMQError) -> Socket {
        let options = Self.options(keys, address, highWater: highWater, watch: watch(port)) + more
        let socket = try Socket(kind, in: loop.context, options)
        try socket.connect(address.endpoint(port))
        return socket
    }

    /// How a connection is found dead. Nodes are thousands: by the heartbeats of the commands lane the line is rebuilt, all of
    /// it, so only a dead output connection beside a living one has to be found by itself.
    private func watch(_ port: Port) -> Option {
        switch (role, port) {
        case (.node, .workers): .keepAlive(after: .seconds(5), every: .seconds(2), tries: 3)
        case (.node, _): .heartbeats(every: .seconds(8), timeout: .seconds(12))
        case (.gateway, _): .heartbeats(every: .seconds(2), timeout: .seconds(6))
        }
    }

    /// Without ZMQ_IMMEDIATE: with it a connection that is made anew ends its pipe, and a socket that is just then between two
    /// frames of a message ends the process (libzmq 4.3.4, `!_more` in fq.cpp). Only one whose messages all have one frame
    /// may have it.
    static func options(
        _ keys: KeyPair, _ address: BrokerAddress, highWater: Int32,
        watch: Option = .heartbeats(every: .seconds(2), timeout: .seconds(6))
    ) -> [Option] {
        [
            .curveClient(publicKey: keys.publicKey, secretKey: keys.secretKey, serverKey: address.publicKey),
            .highWater(send: highWater, receive: highWater),
            .linger(.milliseconds(500)),
            .reconnect(every: .milliseconds(100), upTo: .seconds(2)),
            .connect(within: .seconds(3)),
            watch,
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

    func apply(_ effects: [LineState.Effect]) {
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
}

package import Messages
private import SwiftProtobuf
package import ZeroMQ

/// A process's end of the bus: worker or gateway, connected to every broker of its list.
///
/// Lives on a `PollLoop` and is touched by its thread only. What is sent to a broker that is away, or into a full queue,
/// is dropped: every caller repeats until it is answered. Events come in arrays, all of one pass together.
package final class Link {
    /// Which ports it uses: a gateway's DEALERs, SUB and XPUB, or a worker's DEALERs and XPUB.
    package enum Role: Sendable { case node, gateway }
    package enum Lane: Sendable, Hashable { case commands, bulk }

    /// How often a gateway repeats what it follows; the lease is good for three times that.
    private static let lease: Duration = .seconds(5)

    private let loop: PollLoop
    private let role: Role
    private let receive: ([Event]) -> Void
    private var lines: [BrokerLine] = []
    private var timers: [Timer] = []
    private var followed: [String] = []
    private var followedBroker: Int?
    private var isClosed = false

    /// Connects to all brokers of the list; `receive` is called on the loop, never from within this call.
    ///
    /// The versions spoken are written into `hello` here.
    package init(
        _ role: Role, brokers: [BrokerAddress], keys: KeyPair, hello: WireHello, on loop: PollLoop,
        receive: @escaping ([Event]) -> Void
    ) throws(ZeroMQError) {
        self.role = role
        self.loop = loop
        self.receive = receive
        let hello = Self.complete(hello)
        for (index, address) in brokers.enumerated() {
            let line = try BrokerLine(index, role, address, keys: keys, hello: hello, on: loop) {
                [unowned self] events in
                handle(events, from: index)
            }
            line.subscribe(to: subscriptions(at: index))
            lines.append(line)
        }
        schedule()
        if role == .gateway {
            timers.append(loop.after(Self.lease, every: Self.lease) { [unowned self] in sayFollow() })
        }
    }

    /// Says hello again at every broker, with these words.
    package func setHello(_ hello: WireHello) {
        for line in lines {
            line.hello = Self.complete(hello)
            if line.isConnected { line.sayHello() }
        }
    }

    /// The brokers that are connected now, by their index.
    package var connected: [Int] { lines.indices.filter { lines[$0].isConnected } }

    /// Closes all sockets; no event comes after it. Must be called before the link is let go.
    package func close() {
        isClosed = true
        for timer in timers { loop.cancel(timer) }
        timers = []
        for line in lines { line.close() }
        lines = []
    }

    // MARK: Sending

    /// Sends to `peer`, nil being the broker itself, through `via` or the first broker that is connected.
    ///
    /// False where nothing is connected or the queue is full: it is dropped. The bulk lane opens by the first use, and
    /// up to 64 messages wait for it; a gateway's is always open.
    @discardableResult
    package func send(
        _ lane: Lane = .commands, to peer: Principal?, _ header: Header, body: [UInt8] = [], tag: [UInt8] = [],
        via broker: Int? = nil
    ) -> Bool {
        guard let line = line(broker) else { return false }
        var parts = [peer.map { Array($0.description.utf8) } ?? [], header.bytes, body]
        if !tag.isEmpty { parts.append(tag) }
        return lane == .commands ? line.sendCommand(parts) : line.sendBulk(parts)
    }

    /// Whether a broker takes one message of the bulk lane for several nodes.
    package func sharesBulk(_ broker: Int) -> Bool { line(broker)?.sharesBulk ?? false }

    /// Sends one body to several nodes on the bulk lane; the answer is one `absent` for all not there.
    ///
    /// False as `send`. Only where `sharesBulk`.
    @discardableResult
    package func share(_ header: Header, body: [UInt8], to nodes: [NodeName], via broker: Int) -> Bool {
        guard let line = line(broker) else { return false }
        var names = ByteWriter(capacity: nodes.count * 16)
        for node in nodes { names.short(node.description) }
        return line.sendBulk([Array("*".utf8), header.bytes, body, names.bytes])
    }

    /// Sends one body to many nodes, each with its own tag of 32 bytes; the answer is one `absent` for all not there.
    @discardableResult
    package func fanOut(
        _ header: Header, body: [UInt8], to nodes: [(node: NodeName, tag: [UInt8])], via broker: Int? = nil
    ) -> Bool {
        guard let line = line(broker) else { return false }
        var pairs = ByteWriter(capacity: nodes.count * 48)
        for (node, tag) in nodes {
            precondition(tag.count == Tags.size)
            pairs.short(node.description)
            pairs.append(tag)
        }
        return line.sendCommand([Array("*".utf8), header.bytes, body, pairs.bytes])
    }

    /// Publishes to every broker; each sends on only what somebody there listens to.
    package func publish(_ topic: Topic, _ parts: [[UInt8]]) {
        let topic = topic.bytes
        for line in lines { _ = line.publish(topic, parts) }
    }

    /// Publishes through one broker. False where it is not connected or its queue is full: the caller tries again.
    @discardableResult
    package func publish(_ topic: [UInt8], _ parts: [[UInt8]], via broker: Int) -> Bool {
        lines.indices.contains(broker) && lines[broker].isConnected && lines[broker].publish(topic, parts)
    }

    // MARK: Following

    /// Gateways: the topic prefixes to follow, in full; `presence/` is followed at every broker anyway.
    ///
    /// Followed at one broker at a time; the lease is repeated every 5 s, and after a switch `following` is told.
    package func follow(_ prefixes: [String]) {
        guard role == .gateway, prefixes != followed else { return }
        followed = prefixes
        for index in lines.indices { lines[index].subscribe(to: subscriptions(at: index)) }
        sayFollow()
    }

    private func subscriptions(at broker: Int) -> Set<[UInt8]> {
        guard role == .gateway else { return [] }
        let prefixes = broker == followedBroker ? followed + ["presence/"] : ["presence/"]
        return Set(prefixes.map { Array($0.utf8) })
    }

    private func sayFollow() {
        guard let followedBroker, lines.indices.contains(followedBroker) else { return }
        let body = WireFollow.with { $0.prefixes = followed }
        guard let bytes: [UInt8] = try? body.serializedBytes() else { return }
        lines[followedBroker].sendCommand([[], Header(.follow).bytes, bytes])
    }

    /// Takes up with the first broker that is connected; true where that is a new one.
    private func chooseFollowed() -> Bool {
        if let followedBroker, lines[followedBroker].isConnected { return false }
        let before = followedBroker
        followedBroker = connected.first
        for index in lines.indices { lines[index].subscribe(to: subscriptions(at: index)) }
        return followedBroker != nil && followedBroker != before
    }

    // MARK: Events

    private func handle(_ events: [Event], from broker: Int) {
        guard !isClosed else { return }
        var told = events
        guard role == .gateway else { return receive(told) }
        for event in events {
            switch event {
            case .connected:
                _ = chooseFollowed()
                if followedBroker == broker {
                    sayFollow()
                    told.append(.following(broker: broker))
                }
            case .lost:
                if followedBroker == broker { followedBroker = nil }
                if chooseFollowed(), let followedBroker, followedBroker != broker {
                    sayFollow()
                    told.append(.following(broker: followedBroker))
                }
            default: continue
            }
        }
        receive(told)
    }

    // MARK: Own

    private func line(_ broker: Int?) -> BrokerLine? {
        guard let broker else { return lines.first { $0.isConnected } }
        return lines.indices.contains(broker) && lines[broker].isConnected ? lines[broker] : nil
    }

    /// Often while a broker is missing or does not hear, so that a change is noticed at once; else with the heartbeats.
    private func schedule() {
        let delay: Duration = lines.contains(where: \.isUncertain) ? .milliseconds(100) : .milliseconds(1000)
        loop.after(delay) { [weak self] in
            guard let self, !isClosed else { return }
            for line in lines { line.tick() }
            schedule()
        }
    }

    private static func complete(_ hello: WireHello) -> WireHello {
        var hello = hello
        hello.versionOldest = UInt32(ProtocolVersion.oldest)
        hello.versionNewest = UInt32(ProtocolVersion.newest)
        return hello
    }
}

internal import Bus
private import Glibc
internal import Logging
internal import Messages
internal import ZeroMQ

/// The output lane: what publishers send is handed to subscribers unchanged, where the sender may use the topic.
///
/// Subscription frames are never sent on upstream and no subscription is taken back on the manual XPUB: the first would
/// let one subscriber cancel another's interest, the second acts on the wrong pipe (libzmq 4.3.4).
final class OutputLane {
    /// Slices that may wait of one publisher. With 32 the lane was woken for every twelve slices of 128 bytes, with this for
    /// every 24, as `zmq_proxy` is.
    private static let incoming: Int32 = 128
    /// Slices that may wait for one reader: 32 MiB of the longest.
    private static let queue: Int32 = 512
    /// libzmq takes in all that a reader asks for before this sees the first of it, some 9 KB for a topic of 200 bytes: so
    /// little is let to lie about. A reader that is frozen is gone within 8 s, and with it its queue.
    private static let readers: [Option] = [
        .xpubManual, .xpubNoDrop(true), .highWater(send: queue, receive: 4), .receiveBuffer(bytes: 32 << 10),
        .heartbeats(every: .seconds(2), timeout: .seconds(6)),
    ]
    /// A message of all its frames; a slice has 64 KiB, and nothing else that is published is longer than a hello.
    private static let longest = 320 << 10
    private static let penalty: Duration = .seconds(60)
    private static let tick: Duration = .seconds(1)

    private let loop: PollLoop
    private let log: Logger
    private let publishers: Socket
    private let subscribers: Socket
    private let doorkeeper: Remote<Doorkeeper>
    private let dropPercent: Int
    private var registry: Registry
    private var users: UserGrants
    private var interest = Interest()
    private var subscriptions: Subscriptions<PeerConnection>
    private var names = SenderNames()
    private var drops = Drops()
    private var patience: ReaderPatience
    /// The connections of subscribers by their descriptors, which are used again only after the old one has ended.
    private var connections: [Int32: (peer: PeerConnection, principal: Principal)] = [:]
    /// Principals that were taken out of the registry or have another key there; what is still sent by the old one is
    /// dropped, and its connection cut.
    private var revoked: Set<String> = []

    init(
        _ settings: BrokerSettings, _ registry: Registry, on loop: PollLoop, log: Logger,
        doorkeeper: Remote<Doorkeeper>
    ) throws {
        self.loop = loop
        self.log = log
        self.registry = registry
        self.doorkeeper = doorkeeper
        dropPercent = settings.dropOutputPercent
        if dropPercent > 0 { log.warning("output is dropped on purpose", metadata: ["percent": "\(dropPercent)"]) }
        patience = ReaderPatience(at: loop.now)
        users = UserGrants(registry: registry)
        subscriptions = Subscriptions(registry: registry)
        publishers = try settings.socket(.xsub, .publishers, on: loop, queue: Self.incoming)
        subscribers = try settings.socket(.xpub, .subscribers, on: loop, queue: Self.queue, Self.readers)
        loop.add(publishers, frames: 4) { [unowned self] in published(&$0) }
        loop.add(subscribers, frames: 2) { [unowned self] in requested(&$0) }
        loop.after(Self.tick, every: Self.tick) { [unowned self] in tick() }
        grant()
    }

    // MARK: What others post

    func follow(_ gateway: String, _ prefixes: [String]) {
        apply(interest.receive(.follow(gateway: gateway, prefixes: prefixes), at: loop.now))
    }

    /// All keys of users that stand at a gateway; what it said before counts no more.
    func granted(by gateway: Principal, _ grants: WireGrants) { change(.said(gateway: gateway, grants)) }

    /// The broker's own word: presence.
    func publish(_ topic: [UInt8], _ body: [UInt8]) {
        var first = Frame(topic)
        var last = Frame(body)
        if begin(&first) { _ = subscribers.send(&last) }
    }

    func replace(_ registry: Registry) {
        for peer in self.registry.peers {
            guard let entry = registry[peer.principal], entry.publicKey == peer.publicKey else {
                cutOff(peer.principal)
                if Port.publishers.admits(peer.principal.role) { revoked.insert(peer.principal.description) }
                continue
            }
            // A grant that was taken away lives on in the XPUB until its connection ends.
            if !Set(peer.grants).isSubset(of: entry.grants) { cutOff(peer.principal) }
        }
        self.registry = registry
        subscriptions.replace(registry)
        grant()
        change(.registry(registry))
    }

    private func tick() {
        apply(interest.receive(.tick, at: loop.now))
        change(.tick)
    }

    /// The doorkeeper hears of it last, so that nobody comes in before the subscriptions are known.
    private func change(_ event: UserGrants.Event) {
        guard let losers = users.receive(event, at: Moment(now: loop.now).unixMilliseconds) else { return }
        let standing = users.standing
        subscriptions.replace(users: standing)
        grant()
        for principal in losers { cutOff(principal) }
        doorkeeper.post { $0.grant(standing.principals) }
    }

    // MARK: Publishers

    private func published(_ message: inout Multipart) {
        let isAllowed = message[0].withSender { sender, topic in SenderCheck.allows(sender, topic: topic) }
        guard isAllowed, !message.isOversized, message.count > 1 else {
            let sender = message[0].property("User-Id") ?? ""
            return drops.add(
                isAllowed ? "not 2 to 4 frames" : "not the sender's topic", from: sender, at: loop.now, log: log)
        }
        if !revoked.isEmpty, isRevoked(message[0]) {
            PeerConnection(of: message[0])?.cutOff()
            return
        }
        if dropPercent > 0, Int.random(in: 0..<100) < dropPercent { return }
        var size = 0
        for index in 0..<message.count { size += message[index].count }
        guard size <= Self.longest else {
            return drops.add("too long", from: message[0].property("User-Id") ?? "", at: loop.now, log: log)
        }
        guard begin(&message[0]) else { return }
        for index in 1..<message.count { _ = subscribers.send(&message[index], more: index + 1 < message.count) }
    }

    /// Sends a message's first frame. Where a queue is full it waits a moment for its reader; then the message is dropped for
    /// that one alone, for which libzmq has no place any more until it has taken half of its queue.
    private func begin(_ frame: inout Frame) -> Bool {
        if subscribers.send(&frame, more: true) == .done { return true }
        let start = ContinuousClock.now
        let end = start + patience.allowed(at: start)
        defer { patience.waited(ContinuousClock.now - start) }
        while ContinuousClock.now < end {
            usleep(500)
            if subscribers.send(&frame, more: true) == .done { return true }
        }
        try? subscribers.set(.xpubNoDrop(false))
        defer { try? subscribers.set(.xpubNoDrop(true)) }
        return subscribers.send(&frame, more: true) == .done
    }

    private func isRevoked(_ frame: borrowing Frame) -> Bool {
        guard let sender = frame.property("User-Id"), revoked.contains(sender) else { return false }
        return frame.senderKey.flatMap { registry[$0] }?.principal.description != sender
    }

    // MARK: Subscribers

    /// One frame: 1 or 0, then the topic. A release without a name is a connection that has ended.
    private func requested(_ message: inout Multipart) {
        guard let sender = names.sender(of: message[0]), let key = message[0].senderKey,
            let peer = PeerConnection(of: message[0])
        else { return }
        let bytes = message[0].bytes
        guard message.count == 1, let first = bytes.first, first <= 1 else {
            return drops.add("not a subscription", from: sender.text, at: loop.now, log: log)
        }
        guard note(peer, sender.principal) else {
            drops.add("a connection too many", from: sender.text, at: loop.now, log: log)
            peer.cutOff()
            return
        }
        guard first == 1 else { return subscriptions.release(by: peer) }
        let topic = Array(bytes.dropFirst())
        switch subscriptions.request(topic, by: sender.principal, key: key, over: peer) {
        case .accept: try? subscribers.set(.subscribe(topic))
        case .deny: drops.add("subscription not granted", from: sender.text, at: loop.now, log: log)
        case .end(let reason):
            drops.add(reason, from: sender.text, at: loop.now, log: log)
            peer.cutOff()
        case .cutOff(let reason):
            log.warning("cut off", metadata: ["principal": "\(sender.text)", "reason": "\(reason)"])
            let principal = sender.principal
            doorkeeper.post { $0.refuse(principal, for: Self.penalty) }
            cutOff(principal)
        }
    }

    /// False where the holder has as many connections already as it may.
    private func note(_ peer: PeerConnection, _ principal: Principal) -> Bool {
        if let old = connections[peer.descriptor] {
            guard old.peer != peer else { return true }
            subscriptions.forget(old.peer)
        }
        connections[peer.descriptor] = (peer, principal)
        guard principal.role != .gateway else { return true }
        let others = connections.values.filter { $0.principal.holder == principal.holder && $0.peer.isThere }
        if others.count <= Subscriptions<PeerConnection>.mostConnections(of: principal.role) { return true }
        connections[peer.descriptor] = nil
        return false
    }

    private func cutOff(_ principal: Principal) {
        for (descriptor, entry) in connections where entry.principal == principal {
            entry.peer.cutOff()
            subscriptions.forget(entry.peer)
            connections[descriptor] = nil
        }
    }

    // MARK: Upstream

    private func grant() {
        let readers = registry.peers.filter { Port.subscribers.admits($0.principal.role) }.flatMap(\.grants)
        apply(interest.receive(.grants(readers + users.standing.prefixes.values.joined()), at: loop.now))
    }

    private func apply(_ effects: [Interest.Effect]) {
        for effect in effects {
            switch effect {
            case .begin(let prefix): _ = publishers.send([[1] + Array(prefix.utf8)])
            case .end(let prefix): _ = publishers.send([[0] + Array(prefix.utf8)])
            }
        }
    }
}

extension Frame {
    /// The vouched sender and the frame's own bytes, without a copy of either.
    fileprivate mutating func withSender<Result>(
        _ body: (_ sender: UnsafeRawBufferPointer, _ bytes: UnsafeRawBufferPointer) -> Result
    ) -> Result {
        withBytesAndProperty("User-Id") { bytes, property in body(property, bytes) }
    }
}

import Bus
import Logging
import Messages
import Sodium
import SwiftProtobuf
import ZeroMQ

/// The gateway's end of the bus: makes bytes of what is to be sent, and arrays of what came. Lives on the bus thread.
final class BusEnd {
    /// Where what came goes; each is called once a pass at most, and must not wait.
    struct Sinks: Sendable {
        let executions: @Sendable ([Incoming]) -> Void
        let logs: @Sendable ([Arrival]) -> Void
        let files: @Sendable ([ChunkWanted]) -> Void
        let statuses: Statuses
        let peers: @Sendable ([PeerLine.News]) -> Void
    }

    private let keys: KeyRing
    private let nodes: NodeTable
    private let sinks: Sinks
    private let logger: Logger
    private var link: Link?
    private var pieces: PieceQueue?
    /// Messages that were thrown away because nothing vouched for them.
    private var refused = 0
    /// The body of what every broker is told first; nil before the journal has been read.
    private var grants: [UInt8]?
    /// What every node is told first; nil before the journal has been read.
    private var revocations: WireRevocations?

    private var incoming: [Incoming] = []
    private var arrivals: [Arrival] = []
    private var wanted: [ChunkWanted] = []
    private var fromPeers: [PeerLine.News] = []

    init(keys: KeyRing, nodes: NodeTable, sinks: Sinks, logger: Logger) {
        self.keys = keys
        self.nodes = nodes
        self.sinks = sinks
        self.logger = logger
    }

    /// Opens the link; called once, on the loop.
    func start(on loop: PollLoop, pair: KeyPair, brokers: [BrokerAddress], program: String) throws(ZeroMQError) {
        let hello = WireHello.with {
            $0.versionOldest = UInt32(ProtocolVersion.oldest)
            $0.versionNewest = UInt32(ProtocolVersion.newest)
            $0.program = program
            $0.startedMilliseconds = Moment.now().unixMilliseconds
        }
        let link = try Link(.gateway, brokers: brokers, keys: pair, hello: hello, on: loop) { [weak self] in
            self?.receive($0)
        }
        self.link = link
        pieces = PieceQueue(link, on: loop)
        follow()
    }

    /// Follows all output, and the figures of the nodes that somebody looks at.
    func follow() { link?.follow(["output/"] + sinks.statuses.prefixes) }

    func close() {
        pieces?.close()
        pieces = nil
        link?.close()
        link = nil
    }

    // MARK: In

    private func receive(_ events: [Link.Event]) {
        for event in events { take(event) }
        if !incoming.isEmpty { sinks.executions(incoming) }
        if !arrivals.isEmpty { sinks.logs(arrivals) }
        if !wanted.isEmpty { sinks.files(wanted) }
        if !fromPeers.isEmpty { sinks.peers(fromPeers) }
        incoming.removeAll(keepingCapacity: true)
        arrivals.removeAll(keepingCapacity: true)
        wanted.removeAll(keepingCapacity: true)
        fromPeers.removeAll(keepingCapacity: true)
    }

    private func take(_ event: Link.Event) {
        switch event {
        case .connected(let broker, _):
            logger.info("broker connected", metadata: ["broker": "\(broker)"])
            tellGrants(to: broker)
        case .lost(let broker):
            logger.warning("broker lost", metadata: ["broker": "\(broker)"])
            apply(.lost(broker: broker, atMilliseconds: Moment.now().unixMilliseconds))
        case .refused(let broker, let failure):
            logger.error(
                "broker refuses",
                metadata: [
                    "broker": "\(broker)", "code": "\(failure.code.rawValue)", "why": "\(failure.sentence)",
                ])
        case .following: arrivals.append(.following)
        case .message(let message): take(message)
        case .beat(let broker, let digest):
            if nodes.isBehind(broker, digest) { link?.send(to: nil, Header(.roster), via: broker) }
        case .output(let output): take(output)
        case .interest: break
        }
    }

    private func take(_ output: Link.Output) {
        if output.topic.starts(with: Array("output/".utf8)), output.parts.count == 2 {
            arrivals.append(.slice(topic: output.topic, header: output.parts[0], records: output.parts[1]))
        } else if output.topic.starts(with: Array("presence/".utf8)), let body = output.parts.first {
            // Before the broker's welcome nothing could be sent to the node; the roster behind the welcome says the same.
            guard link?.connected.contains(output.broker) == true,
                let presence = try? WirePresence(serializedBytes: body)
            else { return }
            apply(.presence(broker: output.broker, presence))
        } else if output.parts.count == 1 {
            sinks.statuses.receive(topic: output.topic, output.parts[0])
        }
    }

    private func take(_ message: Link.Incoming) {
        let id = message.header.execution
        guard let node = message.sender?.node else { return takeFromBroker(message) }
        switch message.header.verb {
        case .report:
            guard isVouched(message, by: node), let body = try? WireReport(serializedBytes: message.body),
                let report = Dispatcher.Report(body)
            else { return refuse(message) }
            incoming.append(.reported(id, node, report))
        case .adoptedTaken:
            guard isVouched(message, by: node) else { return refuse(message) }
            incoming.append(.adoptedTaken(id, node))
        case .replayed:
            guard isVouched(message, by: node), let body = try? WireReplayed(serializedBytes: message.body),
                max(body.released, body.length) <= SliceHeader.greatestPosition
            else { return refuse(message) }
            arrivals.append(.replayed(id, node, body))
        case .failure:
            guard let failure = try? WireFailure(serializedBytes: message.body) else { return refuse(message) }
            logger.warning(
                "node refuses an order",
                metadata: [
                    "node": "\(node)", "execution": "\(id)", "code": "\(failure.code)", "why": "\(failure.sentence)",
                ])
        case .revocationsAsked:
            guard isVouched(message, by: node) else { return refuse(message) }
            tellRevocations(to: [node])
        case .range: arrivals.append(.range(id, node, message.body))
        case .chunkRequest:
            guard let body = try? WireChunkRequest(serializedBytes: message.body) else { return refuse(message) }
            let parcel = ChunkWanted.Parcel(
                execution: id, sequence: message.header.sequence, blob: [UInt8](body.blob), broker: message.broker)
            wanted.append(ChunkWanted(piece: ChunkWanted.Piece(parcel: parcel, index: body.index), node: node))
        default: refuse(message)
        }
    }

    private func takeFromBroker(_ message: Link.Incoming) {
        if let peer = message.sender, peer.role == .gateway { return takeFromPeer(message, peer) }
        guard message.sender == nil || message.sender?.role == .broker else { return refuse(message) }
        switch message.header.verb {
        case .roster:
            guard let roster = try? WireRoster(serializedBytes: message.body) else { return refuse(message) }
            apply(.roster(broker: message.broker, roster))
        case .absent:
            guard let absent = try? WireAbsent(serializedBytes: message.body) else { return refuse(message) }
            incoming.append(.absent(message.header.execution, absent.nodes.compactMap { NodeName($0) }))
            fromPeers.append(.absent(sequence: message.header.sequence))
        default: break
        }
    }

    /// Its tag is checked where it is taken: a piece of a log is long, and this thread has orders to send.
    private func takeFromPeer(_ message: Link.Incoming, _ peer: Principal) {
        fromPeers.append(
            .message(
                PeerMessage(
                    peer: peer, lane: message.lane, header: message.header, headerBytes: message.headerBytes,
                    body: message.body, tag: message.tag, broker: message.broker)))
    }

    private func isVouched(_ message: Link.Incoming, by node: NodeName) -> Bool {
        guard let keys = keys[node]?.keys else { return false }
        return Tags.isValidReport(
            message.tag, header: message.headerBytes, node: node, body: message.body, keys: keys)
    }

    private func refuse(_ message: Link.Incoming) {
        refused += 1
        logger.debug("message dropped", metadata: ["verb": "\(message.header.verb)", "dropped": "\(refused)"])
    }

    private func apply(_ news: Rosters.News) {
        for change in nodes.apply([news]) {
            if change.arrived || change.isPresent {
                guard change.arrived else { continue }
                // Before any order that it is sent.
                tellRevocations(to: [change.node])
                incoming.append(.arrived(change.node))
                arrivals.append(.arrived(change.node))
            } else {
                incoming.append(.departed(change.node, sinceMilliseconds: change.sinceMilliseconds))
                arrivals.append(.departed(change.node))
            }
        }
    }

    // MARK: Out

    func send(_ items: [Outgoing]) {
        for item in items { send(item) }
    }

    private func send(_ item: Outgoing) {
        switch item {
        case .deliver(let order, let nodes): deliver(order, nodes)
        case .stop(let id, let nodes, let wish):
            let stop = WireStop.with {
                // 0 would be the order's own.
                $0.graceMilliseconds = max(1, wish.graceMilliseconds)
                $0.user = wish.user
            }
            command(Header(.stop, id), stop, to: nodes)
        case .reported(let id, let node, let sequence):
            command(Header(.reported, id, sequence: sequence), WireReported.with { $0.sequence = sequence }, to: [node])
        case .copied(let id, let node, let spool, let position):
            let copied = WireCopied.with {
                $0.spool = spool
                $0.position = position
            }
            command(Header(.copied, id), copied, to: [node])
        case .replay(let id, let node, let spool, let from, let to):
            let replay = WireReplay.with {
                $0.spool = spool
                $0.from = from
                $0.to = to
            }
            command(Header(.replay, id), replay, to: [node])
        case .clock(let nodes):
            let clock = WireClock.with {
                $0.milliseconds = Moment.now().unixMilliseconds
                $0.revocations = revocations?.sequence ?? 0
            }
            command(Header(.clock), clock, to: nodes)
        case .adopted(let id, let node, let adopted): command(Header(.adopted, id), adopted, to: [node])
        case .removeService(let nodes, let name, let user):
            let removal = WireRemoveService.with {
                $0.name = name
                $0.user = user
            }
            command(Header(.removeService), removal, to: nodes)
        case .event(let topic, let event):
            guard let body: [UInt8] = try? event.serializedBytes() else { return }
            link?.publish(topic, [body])
        case .bulk(let header, let nodes, let body, let broker, let sent):
            guard let pieces else { return sent() }
            pieces.add(
                PieceQueue.Piece(
                    header: header, peers: nodes.map { Principal($0) }, body: body, broker: broker, sent: sent))
        case .follow: follow()
        case .peer(let message): send(message)
        case .revocations(let all):
            revocations = all
            tellRevocations(to: self.nodes.present)
        case .grants(let all):
            grants = try? all.serializedBytes()
            for broker in link?.connected ?? [] { tellGrants(to: broker) }
        }
    }

    private func tellRevocations(to nodes: [NodeName]) {
        guard let revocations, revocations.sequence > 0, !nodes.isEmpty else { return }
        command(Header(.revocations), revocations, to: nodes)
    }

    /// Through every broker where it is not known by which one the other is reached: it takes a question only once.
    private func send(_ message: PeerMessage) {
        if message.lane == .bulk, let broker = message.broker, let pieces {
            let piece = PieceQueue.Piece(
                header: message.header, peers: [message.peer], body: message.body, tag: message.tag, broker: broker,
                sent: {})
            return pieces.add(piece)
        }
        var isSent = false
        for broker in message.broker.map({ [$0] }) ?? link?.connected ?? [] {
            let taken = link?.send(
                message.lane, to: message.peer, message.header, body: message.body, tag: message.tag, via: broker)
            isSent = isSent || taken == true
        }
        if !isSent { sinks.peers([.unsent(sequence: message.header.sequence)]) }
    }

    private func tellGrants(to broker: Int) {
        guard let grants else { return }
        if link?.send(to: nil, Header(.grants), body: grants, via: broker) != true {
            logger.error("grants not sent", metadata: ["broker": "\(broker)"])
        }
    }

    /// The body travels once to each broker, with a tag for each node; the ticket is as old as this call.
    private func deliver(_ order: Outgoing.Order, _ nodes: [NodeName]) {
        let ticket = Ticket(
            uid: order.uid, user: order.user, execution: order.execution, session: order.session, order: order.bytes,
            issuedMilliseconds: Moment.now().unixMilliseconds
        ).bytes
        let delivery = WireDelivery.with {
            $0.ticket = .init(ticket)
            $0.order = .init(order.bytes)
            if let adopted = order.adopted { $0.adopted = adopted }
        }
        guard let body: [UInt8] = try? delivery.serializedBytes() else { return }
        fanOut(Header(.order, order.execution), body, nodes) { node, known in
            Tags.order(
                ticket: ticket, node: node, enrolment: known.enrolment, adopted: order.adopted, keys: known.keys)
        }
    }

    private func command(_ header: Header, _ message: some SwiftProtobuf.Message, to nodes: [NodeName]) {
        guard let body: [UInt8] = try? message.serializedBytes() else { return }
        let bytes = header.bytes
        if nodes.count == 1, let node = nodes.first, let known = keys[node] {
            let tag = Tags.command(header: bytes, node: node, body: body, keys: known.keys)
            let broker = self.nodes.byBroker(nodes).keys.first ?? nil
            link?.send(to: Principal(node), header, body: body, tag: tag, via: broker)
            return
        }
        fanOut(header, body, nodes) { node, known in
            Tags.command(header: bytes, node: node, body: body, keys: known.keys)
        }
    }

    private func fanOut(
        _ header: Header, _ body: [UInt8], _ nodes: [NodeName], tag: (NodeName, KeyRing.Node) -> [UInt8]
    ) {
        for (broker, nodes) in self.nodes.byBroker(nodes) {
            let pairs = nodes.compactMap { node in keys[node].map { (node: node, tag: tag(node, $0)) } }
            if !pairs.isEmpty { link?.fanOut(header, body: body, to: pairs, via: broker) }
        }
    }
}

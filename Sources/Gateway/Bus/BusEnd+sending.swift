import Bus
import Logging
import Messages
import SwiftProtobuf
import ZeroMQ

/// What is to be sent, as bytes: one message to a node, or one body for many with a tag for each.
extension BusEnd {
    func send(_ items: [Outgoing]) {
        for item in items { send(item) }
    }

    func send(_ item: Outgoing) {
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
        case .taken(let id, let node, let spool, let position, let window):
            let taken = WireTaken.with {
                $0.spool = spool
                $0.position = position
                $0.window = window
            }
            command(Header(.taken, id), taken, to: [node])
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
                $0.gateway = own.description
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
            revocations?.gateway = own.description
            tellRevocations(to: self.nodes.present)
        case .grants(let all):
            grants = try? all.serializedBytes()
            for broker in link?.connected ?? [] { tellGrants(to: broker) }
        }
    }

    func tellRevocations(to nodes: [NodeName]) {
        guard let revocations, revocations.sequence > 0, !nodes.isEmpty else { return }
        command(Header(.revocations), revocations, to: nodes)
    }

    /// Through every broker where it is not known by which one the other is reached: it takes a question only once.
    func send(_ message: PeerMessage) {
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

    func tellGrants(to broker: Int) {
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

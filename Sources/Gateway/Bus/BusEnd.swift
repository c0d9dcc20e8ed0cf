import Bus
import Logging
import Messages
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

    /// As this gateway's messages name it where the tag covers no sender.
    let own: Principal
    let keys: KeyRing
    let nodes: NodeTable
    let sinks: Sinks
    let logger: Logger
    var link: Link?
    var pieces: PieceQueue?
    /// Messages that were thrown away because nothing vouched for them.
    private var refused = 0
    /// The body of what every broker is told first; nil before the journal has been read.
    var grants: [UInt8]?
    /// What every node is told first; nil before the journal has been read.
    var revocations: WireRevocations?
    private var askedRevocations = AskedRevocations()

    private var incoming: [Incoming] = []
    private var arrivals: [Arrival] = []
    private var wanted: [ChunkWanted] = []
    private var fromPeers: [PeerLine.News] = []

    init(own: Principal, keys: KeyRing, nodes: NodeTable, sinks: Sinks, logger: Logger) {
        self.own = own
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
        // Not `removeAll(keepingCapacity:)`: they are others' by now, and each would be made anew as large as the largest was.
        incoming = []
        arrivals = []
        wanted = []
        fromPeers = []
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
            if askedRevocations.isAnswered(node, at: Moment.now().steady) { tellRevocations(to: [node]) }
        case .range: arrivals.append(.range(id, node, message.body))
        case .chunkRequest:
            guard let body = try? WireChunkRequest(serializedBytes: message.body), let blob = BlobID(bytes: body.blob)
            else { return refuse(message) }
            let parcel = ChunkWanted.Parcel(
                execution: id, sequence: message.header.sequence, blob: blob.bytes, broker: message.broker)
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
}

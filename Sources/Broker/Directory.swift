package import Bus
package import Messages
private import SwiftProtobuf

/// A peer's connection on the commands lane: the side it came in by and the routing id the ROUTER drew.
package struct Connection: Hashable, Sendable {
    package enum Side: Hashable, Sendable { case gateways, workers }

    package let side: Side
    package let id: [UInt8]

    package init(side: Side, id: [UInt8]) {
        self.side = side
        self.id = id
    }
}

/// Who is present, by which connection. Decides only: no clock, no socket.
package struct Directory {
    package enum Event {
        case hello(Principal, Connection, WireHello)
        /// A send to this connection found nobody (EHOSTUNREACH).
        case gone(Principal, Connection)
        case registry(Registry)
        case tick
    }

    package enum Effect: Equatable {
        case welcome(Connection)
        case refuse(Connection, Principal, Failure)
        /// Any message to see whether somebody is there.
        case probe(Connection, Principal)
        case heartbeat(Connection, Principal)
        case roster(Connection)
        case presence(WirePresence)
        /// The peer at this connection was silent, and perhaps it thinks that it was not.
        case unheard(Connection)
        /// The principal's key is not valid any more.
        case revoke(Principal)
    }

    /// Silence after which a peer is away.
    static let silence: Duration = .seconds(5)
    /// A gateway's has the digest of the roster; nodes are thousands.
    static func heartbeat(_ side: Connection.Side) -> Duration { side == .gateways ? .seconds(1) : .seconds(2) }
    /// Between two ticks, or what else comes, of a broker that gets its processor.
    static let wakeful: Duration = .seconds(1)
    /// In which an old connection has to say something before a newcomer with the same key takes its place: its heartbeat comes
    /// every 2 s. One that is closed is noticed by the probe.
    static let contest: Duration = .seconds(3.5)

    private struct Newcomer {
        let connection: Connection
        let hello: WireHello
        let until: ContinuousClock.Instant
    }

    private struct Peer {
        var connection: Connection?
        var newcomer: Newcomer?
        var lastHeard: ContinuousClock.Instant
        var lastBeat: ContinuousClock.Instant
        var hello: WireHello?
        var since: Int64
        var sequence: UInt64
    }

    package let instance: UInt64
    package private(set) var sequence: UInt64 = 0
    private var registry: Registry
    private var peers: [Principal: Peer] = [:]
    private var attention: Attention
    private let start: Moment

    package init(instance: UInt64, registry: Registry, at start: Moment) {
        self.instance = instance
        self.registry = registry
        self.start = start
        attention = Attention(most: Self.wakeful, at: start.instant)
    }

    /// Where a peer is reached; nil while it is away.
    package func connection(of principal: Principal) -> Connection? { peers[principal]?.connection }

    /// Notes a message of a peer; false where this connection has not said hello.
    ///
    /// A newcomer that contests the place is refused by it.
    package mutating func heard(_ principal: Principal, _ connection: Connection, at now: Moment) -> (
        isKnown: Bool, [Effect]
    ) {
        let now = attentive(now)
        guard peers[principal]?.connection == connection else { return (false, []) }
        peers[principal]?.lastHeard = now.instant
        guard let newcomer = peers[principal]?.newcomer else { return (true, []) }
        peers[principal]?.newcomer = nil
        let failure = Failure(.duplicate, "\(principal) is connected from somewhere else with the same key")
        return (true, [.refuse(newcomer.connection, principal, failure)])
    }

    package mutating func receive(_ event: Event, at now: Moment) -> [Effect] {
        let now = attentive(now)
        return switch event {
        case .hello(let principal, let connection, let hello): self.hello(principal, connection, hello, now)
        case .gone(let principal, let connection): gone(principal, connection, now)
        case .registry(let registry): replace(registry, now)
        case .tick: tick(now)
        }
    }

    /// Over the nodes that are present: a gateway that holds another has missed something.
    package var digest: UInt64 {
        var digest = RosterDigest()
        for (principal, peer) in peers where principal.role == .node && peer.connection != nil {
            digest.add(principal.name, sequence: peer.sequence)
        }
        return digest.value
    }

    /// All registered nodes, for a gateway that has come or asks.
    package var roster: WireRoster {
        .with {
            $0.instance = instance
            $0.sequence = sequence
            $0.nodes = registry.nodes.map(presence)
        }
    }

    // MARK: Own

    private mutating func attentive(_ now: Moment) -> Moment {
        Moment(attention.look(at: now.instant), unixMilliseconds: now.unixMilliseconds)
    }

    private mutating func hello(
        _ principal: Principal, _ connection: Connection, _ hello: WireHello, _ now: Moment
    ) -> [Effect] {
        guard ProtocolVersion.common(oldest: hello.versionOldest, newest: hello.versionNewest) != nil else {
            let known = "\(ProtocolVersion.oldest) to \(ProtocolVersion.newest)"
            return [.refuse(connection, principal, Failure(.version, "this broker speaks versions \(known)"))]
        }
        guard let known = peers[principal], let old = known.connection else {
            return accept(principal, connection, hello, now)
        }
        if old == connection {
            peers[principal]?.lastHeard = now.instant
            if known.hello != hello { return accept(principal, connection, hello, now) }
            return [.welcome(connection)] + (connection.side == .gateways ? [.roster(connection)] : [])
        }
        guard known.newcomer == nil else { return [] }
        peers[principal]?.newcomer = Newcomer(connection: connection, hello: hello, until: now.instant + Self.contest)
        return [.probe(old, principal)]
    }

    private mutating func accept(
        _ principal: Principal, _ connection: Connection, _ hello: WireHello, _ now: Moment
    ) -> [Effect] {
        let since = peers[principal]?.connection == nil ? now.unixMilliseconds : peers[principal]?.since
        sequence += 1
        peers[principal] = Peer(
            connection: connection, lastHeard: now.instant, lastBeat: now.instant, hello: hello,
            since: since ?? now.unixMilliseconds,
            sequence: sequence)
        guard principal.role == .node else { return [.welcome(connection), .roster(connection)] }
        return [.welcome(connection)] + changed(principal)
    }

    private mutating func gone(_ principal: Principal, _ connection: Connection, _ now: Moment) -> [Effect] {
        guard let peer = peers[principal] else { return [] }
        if peer.newcomer?.connection == connection { peers[principal]?.newcomer = nil }
        guard peer.connection == connection else { return [] }
        return leave(principal, now)
    }

    /// The peer's place is free: for the newcomer, where there is one.
    private mutating func leave(_ principal: Principal, _ now: Moment) -> [Effect] {
        let newcomer = peers[principal]?.newcomer
        sequence += 1
        peers[principal]?.connection = nil
        peers[principal]?.newcomer = nil
        peers[principal]?.since = now.unixMilliseconds
        peers[principal]?.sequence = sequence
        if let newcomer { return accept(principal, newcomer.connection, newcomer.hello, now) }
        return changed(principal)
    }

    private mutating func tick(_ now: Moment) -> [Effect] {
        var effects: [Effect] = []
        var beaten: [Principal] = []
        var leaving: [Principal] = []
        var silent: Set<Connection> = []
        for (principal, peer) in peers {
            guard let connection = peer.connection else { continue }
            if let newcomer = peer.newcomer, now.instant >= newcomer.until {
                leaving.append(principal)
            } else if now.instant - peer.lastHeard >= Self.silence {
                leaving.append(principal)
                silent.insert(connection)
            } else if now.instant - peer.lastBeat >= Self.heartbeat(connection.side) {
                beaten.append(principal)
                effects.append(.heartbeat(connection, principal))
            }
        }
        for principal in beaten { peers[principal]?.lastBeat = now.instant }
        // In their order, so that the same words at the same time give the same sequences.
        for principal in leaving.sorted(by: { $0.name < $1.name }) {
            if let connection = peers[principal]?.connection, silent.contains(connection) {
                effects.append(.unheard(connection))
            }
            effects += leave(principal, now)
        }
        return effects
    }

    private mutating func replace(_ registry: Registry, _ now: Moment) -> [Effect] {
        var effects: [Effect] = []
        for peer in self.registry.peers where registry[peer.principal]?.publicKey != peer.publicKey {
            peers[peer.principal] = nil
            effects.append(.revoke(peer.principal))
        }
        self.registry = registry
        sequence += 1
        for (principal, peer) in peers where principal.role == .gateway {
            if let connection = peer.connection { effects.append(.roster(connection)) }
        }
        return effects
    }

    private func changed(_ principal: Principal) -> [Effect] {
        guard principal.role == .node, let entry = registry[principal] else { return [] }
        return [.presence(presence(entry))]
    }

    private func presence(_ entry: Registry.Peer) -> WirePresence {
        let peer = peers[entry.principal]
        return .with {
            $0.node = entry.principal.name
            $0.present = peer?.connection != nil
            $0.sinceMilliseconds = peer?.since ?? start.unixMilliseconds
            $0.instance = instance
            $0.sequence = peer?.sequence ?? sequence
            $0.fingerprint = entry.fingerprint
            guard var hello = peer?.hello else { return }
            hello.labels.merge(entry.labels) { $1 }
            $0.hello = hello
        }
    }
}

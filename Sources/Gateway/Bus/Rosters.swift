package import Messages

/// What each broker says of each node, and what follows from all of them. Decides only.
package struct Rosters {
    package enum News: Sendable {
        /// The nodes in the gateway's own registry: all there are.
        case registered([NodeName])
        /// A broker's full roster; what it does not name is not registered there any more.
        case roster(broker: Int, WireRoster)
        case presence(broker: Int, WirePresence)
        /// The connection to a broker is gone, and with it what it said: who is reached by no other is away since then.
        case lost(broker: Int, atMilliseconds: Int64)
    }

    /// A node that came, went or said another hello.
    package struct Change: Hashable, Sendable {
        package let node: NodeName
        package let isPresent: Bool
        /// It was away, or another broker reaches it now: what is owed to it is sent again.
        package let arrived: Bool
        package let sinceMilliseconds: Int64
    }

    private struct Saying {
        var instance: UInt64
        var sequence: UInt64
        var presence: WirePresence
    }

    private var brokers: [Int: [NodeName: Saying]] = [:]
    /// A digest that was another than ours at a broker's last heartbeat.
    private var doubts: [Int: UInt64] = [:]
    private var registered: Set<NodeName> = []
    /// The newest word on each node; it stays while no broker is connected.
    private var known: [NodeName: WirePresence] = [:]

    package init() {}

    func isRegistered(_ node: NodeName) -> Bool { registered.contains(node) }

    package mutating func receive(_ news: News) -> [Change] {
        switch news {
        case .registered(let nodes): register(Set(nodes))
        case .roster(let broker, let roster): replace(broker, roster)
        case .presence(let broker, let presence): apply(broker, presence)
        case .lost(let broker, let now): forget(broker, now)
        }
    }

    /// Whether a change was missed: the output lane may drop, and begins to flow only some time after the commands lane.
    ///
    /// A change may still be on its way at one heartbeat; what is not here at the next one was missed.
    package mutating func isBehind(_ broker: Int, _ digest: UInt64) -> Bool {
        var own = RosterDigest()
        for (node, said) in brokers[broker] ?? [:] where said.presence.present {
            own.add(node.description, sequence: said.presence.sequence)
        }
        guard own.value != digest else {
            doubts[broker] = nil
            return false
        }
        defer { doubts[broker] = digest }
        return doubts[broker] == digest
    }

    func view(of node: NodeName) -> NodeView? {
        guard registered.contains(node) else { return nil }
        let presence = best(node) ?? known[node] ?? WirePresence()
        let hello = presence.hello
        return NodeView(
            name: node.description, present: isPresent(node), since: presence.sinceMilliseconds, labels: hello.labels,
            facts: hello.facts, addresses: hello.addresses, program: hello.program, profiles: hello.profileViews,
            services: hello.serviceViews(of: node))
    }

    func awaySince(_ node: NodeName) -> Int64? {
        isPresent(node) ? nil : (best(node) ?? known[node])?.sinceMilliseconds
    }

    func views() -> [NodeView] { registered.sorted().compactMap(view) }

    /// Brokers at which the node is present, in their order in the settings.
    package func brokers(of node: NodeName) -> [Int] {
        brokers.keys.sorted().filter { brokers[$0]?[node]?.presence.present == true }
    }

    private mutating func register(_ nodes: Set<NodeName>) -> [Change] {
        let changed = nodes.symmetricDifference(registered)
        registered = nodes
        return changed.map {
            Change(
                node: $0, isPresent: isPresent($0), arrived: isPresent($0),
                sinceMilliseconds: known[$0]?.sinceMilliseconds ?? 0)
        }
    }

    package func isPresent(_ node: NodeName) -> Bool { brokers.values.contains { $0[node]?.presence.present == true } }

    private mutating func replace(_ broker: Int, _ roster: WireRoster) -> [Change] {
        let old = brokers[broker] ?? [:]
        var new: [NodeName: Saying] = [:]
        for presence in roster.nodes {
            guard let node = NodeName(presence.node) else { continue }
            if let said = old[node], said.instance == roster.instance, said.sequence > roster.sequence {
                new[node] = said
            } else {
                new[node] = Saying(instance: roster.instance, sequence: roster.sequence, presence: presence)
            }
        }
        let touched = Set(old.keys).union(new.keys)
        return changed(touched, by: broker) {
            $0.brokers[broker] = new
            for (node, saying) in new { $0.known[node] = saying.presence }
        }
    }

    private mutating func apply(_ broker: Int, _ presence: WirePresence) -> [Change] {
        guard let node = NodeName(presence.node) else { return [] }
        if let said = brokers[broker]?[node] {
            // A broker's instances are random numbers: another instance is a newer start, since its connection is new.
            if said.instance == presence.instance, said.sequence >= presence.sequence { return [] }
        }
        return changed([node], by: broker) {
            $0.brokers[broker, default: [:]][node] = Saying(
                instance: presence.instance, sequence: presence.sequence, presence: presence)
            $0.known[node] = presence
        }
    }

    private mutating func forget(_ broker: Int, _ now: Int64) -> [Change] {
        doubts[broker] = nil
        guard let lost = brokers[broker] else { return [] }
        return changed(Set(lost.keys), by: broker) { rosters in
            rosters.brokers[broker] = nil
            for (node, said) in lost where said.presence.present && !rosters.isPresent(node) {
                rosters.known[node] = said.presence
                rosters.known[node]?.present = false
                rosters.known[node]?.sinceMilliseconds = now
            }
        }
    }

    private mutating func changed(
        _ nodes: Set<NodeName>, by broker: Int, _ change: (inout Rosters) -> Void
    ) -> [Change] {
        let before = nodes.map { (node: $0, said: brokers[broker]?[$0]?.presence, isPresent: isPresent($0)) }
        change(&self)
        return before.compactMap { node, was, wasPresent in
            let isNow = brokers[broker]?[node]?.presence
            guard was != isNow || wasPresent != isPresent(node) else { return nil }
            let reaches = isNow?.present == true
            let reached = was?.present == true && was?.sinceMilliseconds == isNow?.sinceMilliseconds
            return Change(
                node: node, isPresent: isPresent(node), arrived: reaches && !reached,
                sinceMilliseconds: (isNow ?? known[node] ?? was)?.sinceMilliseconds ?? 0)
        }
    }

    /// What to show of a node: a broker that sees it, else the newest word of any.
    private func best(_ node: NodeName) -> WirePresence? {
        let said = brokers.keys.sorted().compactMap { brokers[$0]?[node]?.presence }
        return said.first(where: \.present) ?? said.max { $0.sinceMilliseconds < $1.sinceMilliseconds }
    }
}

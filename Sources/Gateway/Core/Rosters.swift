import Messages

/// What each broker says of each node, and what follows from all of them. Decides only.
struct Rosters {
    enum News: Sendable {
        /// A broker's full roster; what it does not name is not registered there any more.
        case roster(broker: Int, WireRoster)
        case presence(broker: Int, WirePresence)
        /// The connection to a broker is gone, and with it what it said.
        case lost(broker: Int)
    }

    /// A node that came, went or said another hello.
    struct Change: Hashable, Sendable {
        let node: NodeName
        let isPresent: Bool
        /// It was away, or another broker reaches it now: what is owed to it is sent again.
        let arrived: Bool
        let sinceMilliseconds: Int64
    }

    private struct Saying {
        var instance: UInt64
        var sequence: UInt64
        var presence: WirePresence
    }

    private var brokers: [Int: [NodeName: Saying]] = [:]
    /// Nodes that a broker named once; they stay known while no broker is connected.
    private var known: [NodeName: WirePresence] = [:]

    func isRegistered(_ node: NodeName) -> Bool { known[node] != nil }

    mutating func receive(_ news: News) -> [Change] {
        switch news {
        case .roster(let broker, let roster): replace(broker, roster)
        case .presence(let broker, let presence): apply(broker, presence)
        case .lost(let broker): forget(broker)
        }
    }

    func view(of node: NodeName) -> NodeView? {
        guard let presence = best(node) ?? known[node] else { return nil }
        let hello = presence.hello
        return NodeView(
            name: node.description, present: isPresent(node), since: presence.sinceMilliseconds, labels: hello.labels,
            facts: hello.facts, addresses: hello.addresses, program: hello.program)
    }

    func views() -> [NodeView] { known.keys.sorted().compactMap(view) }

    func isPresent(_ node: NodeName) -> Bool { brokers.values.contains { $0[node]?.presence.present == true } }

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
            for node in touched where !$0.brokers.values.contains(where: { $0[node] != nil }) { $0.known[node] = nil }
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

    private mutating func forget(_ broker: Int) -> [Change] {
        guard let lost = brokers[broker] else { return [] }
        return changed(Set(lost.keys), by: broker) { $0.brokers[broker] = nil }
    }

    private mutating func changed(
        _ nodes: Set<NodeName>, by broker: Int, _ change: (inout Rosters) -> Void
    ) -> [Change] {
        let before = self
        change(&self)
        return nodes.compactMap { node in
            let was = before.brokers[broker]?[node]?.presence
            let isNow = brokers[broker]?[node]?.presence
            guard was != isNow || before.isPresent(node) != isPresent(node) else { return nil }
            let reaches = isNow?.present == true
            let reached = was?.present == true && was?.sinceMilliseconds == isNow?.sinceMilliseconds
            return Change(
                node: node, isPresent: isPresent(node), arrived: reaches && !reached,
                sinceMilliseconds: (isNow ?? was)?.sinceMilliseconds ?? 0)
        }
    }

    /// What to show of a node: a broker that sees it, else the newest word of any.
    private func best(_ node: NodeName) -> WirePresence? {
        let said = brokers.keys.sorted().compactMap { brokers[$0]?[node]?.presence }
        return said.first(where: \.present) ?? said.max { $0.sinceMilliseconds < $1.sinceMilliseconds }
    }
}

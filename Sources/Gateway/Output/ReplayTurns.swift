import Messages

/// Whose ranges are on their way. Each is large, so they are few: what all lack at once, after a restart or a flood, would
/// otherwise stand in one queue here, and behind it everybody's lines.
///
/// Of a node one run at a time, and the nodes in turn: one that is slow, or lies about what it has, keeps one place.
struct ReplayTurns: Sendable {
    static let most = 4

    /// The run of each node that has a place.
    private var underWay: [NodeName: RunKey] = [:]
    private var waiting: [NodeName: [RunKey]] = [:]
    private var waits: Set<RunKey> = []
    /// Nodes that have runs waiting and no place.
    private var nodes: [NodeName] = []

    /// True where this run has a place, or gets one; else it has joined the queue, and `next` returns it in its turn.
    mutating func begin(_ key: RunKey, of node: NodeName) -> Bool {
        if underWay[node] == key { return true }
        if underWay[node] == nil, waiting[node] == nil, nodes.isEmpty, underWay.count < Self.most {
            underWay[node] = key
            return true
        }
        guard waits.insert(key).inserted else { return false }
        if waiting[node] == nil, underWay[node] == nil { nodes.append(node) }
        waiting[node, default: []].append(key)
        return false
    }

    /// The run that has waited longest at the node that has, where there is a place for it: it has the place, until `end`.
    mutating func next() -> (key: RunKey, node: NodeName)? {
        guard underWay.count < Self.most, !nodes.isEmpty else { return nil }
        let node = nodes.removeFirst()
        guard let key = waiting[node]?.removeFirst() else { return nil }
        if waiting[node]?.isEmpty == true { waiting[node] = nil }
        waits.remove(key)
        underWay[node] = key
        return (key, node)
    }

    /// It has its range, or will not get it.
    mutating func end(_ key: RunKey, of node: NodeName) {
        guard underWay[node] == key else { return }
        underWay[node] = nil
        if waiting[node] != nil { nodes.append(node) }
    }

    /// Its output comes by ranges just now.
    func contains(_ key: RunKey, of node: NodeName) -> Bool { underWay[node] == key || waits.contains(key) }
}

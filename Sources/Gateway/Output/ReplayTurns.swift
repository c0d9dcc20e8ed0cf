/// Whose ranges are on their way. Each is large, so they are few: what all lack at once, after a restart or a flood, would
/// otherwise stand in one queue here, and behind it everybody's lines. Who has had its range waits behind the others.
struct ReplayTurns: Sendable {
    static let most = 4

    private var underWay: Set<RunKey> = []
    private var queue: [RunKey] = []
    private var waiting: Set<RunKey> = []

    /// True where this run has a place, or gets one; else it has joined the queue, and `next` returns it in its turn.
    mutating func begin(_ key: RunKey) -> Bool {
        if underWay.contains(key) { return true }
        if waiting.isEmpty, underWay.count < Self.most {
            underWay.insert(key)
            return true
        }
        if waiting.insert(key).inserted { queue.append(key) }
        return false
    }

    /// The run that has waited longest, where there is a place for it: it has the place, until `end`.
    mutating func next() -> RunKey? {
        guard underWay.count < Self.most, !queue.isEmpty else { return nil }
        let key = queue.removeFirst()
        waiting.remove(key)
        underWay.insert(key)
        return key
    }

    /// It has its range, or will not get it.
    mutating func end(_ key: RunKey) { underWay.remove(key) }

    /// Its output comes by ranges just now.
    func contains(_ key: RunKey) -> Bool { underWay.contains(key) || waiting.contains(key) }
}

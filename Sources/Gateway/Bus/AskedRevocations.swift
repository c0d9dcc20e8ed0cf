import Messages

/// Which nodes have asked for what is revoked, and when: what each is told may be long, and one need not ask often.
struct AskedRevocations {
    static let period = Duration.seconds(5)

    /// No more than the registry has nodes.
    private var answered: [NodeName: Duration] = [:]

    /// Whether the node is answered now.
    mutating func isAnswered(_ node: NodeName, at now: Duration) -> Bool {
        if let last = answered[node], now - last < Self.period { return false }
        answered[node] = now
        return true
    }
}

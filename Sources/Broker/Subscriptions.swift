package import Bus
package import Messages

/// Whose subscription is accepted, and who has asked for too much. Decides only.
package struct Subscriptions<Peer: Hashable> {
    package enum Verdict: Equatable {
        case accept
        case deny
        /// Nobody known any more, or one connection too many: this connection ends.
        case end(reason: String)
        /// All connections of the principal end, and it stays out for a while.
        case cutOff(reason: String)
    }

    static var most: Int { 1000 }
    static var longest: Int { 256 }
    /// Connections of one holder: each that is frozen holds a queue for some seconds. A service is the operator's own and
    /// may run on many machines.
    static func mostConnections(of role: Principal.Role) -> Int { role == .service ? 64 : 8 }

    private var registry: Registry
    private var users = UserGrants.Standing()
    private var counts: [Peer: Int] = [:]

    package init(registry: Registry) { self.registry = registry }

    mutating func replace(_ registry: Registry) { self.registry = registry }

    /// What users' own keys may read.
    mutating func replace(users: UserGrants.Standing) { self.users = users }

    /// A request by a connection that came in as this principal by this key; denied ones count too, because libzmq keeps
    /// them all the same.
    package mutating func request(_ topic: [UInt8], by principal: Principal, key: [UInt8], over peer: Peer) -> Verdict {
        guard (registry[key]?.principal ?? users.principals[key]) == principal else {
            return .end(reason: "not known any more")
        }
        if principal.role == .gateway { return .accept }
        let grants = registry[principal].map { Set($0.grants) } ?? users.prefixes[principal] ?? []
        guard topic.count <= Self.longest else { return .cutOff(reason: "a topic of \(topic.count) bytes") }
        counts[peer, default: 0] += 1
        guard counts[peer, default: 0] <= Self.most else {
            return .cutOff(reason: "more than \(Self.most) subscriptions")
        }
        return grants.contains { topic.starts(with: $0.utf8) } ? .accept : .deny
    }

    mutating func release(by peer: Peer) {
        guard let count = counts[peer] else { return }
        counts[peer] = count > 1 ? count - 1 : nil
    }

    mutating func forget(_ peer: Peer) { counts[peer] = nil }
}

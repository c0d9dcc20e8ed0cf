internal import Bus
internal import Messages

/// Whose subscription is accepted, and who has asked for too much. Decides only.
struct Subscriptions<Peer: Hashable> {
    enum Verdict: Equatable {
        case accept
        case deny
        case cutOff(reason: String)
    }

    static var most: Int { 1000 }
    static var longest: Int { 256 }

    private var registry: Registry
    private var counts: [Peer: Int] = [:]

    init(registry: Registry) { self.registry = registry }

    mutating func replace(_ registry: Registry) { self.registry = registry }

    /// A request by a connection of this principal; denied ones count too, because libzmq keeps them all the same.
    mutating func request(_ topic: [UInt8], by principal: Principal, over peer: Peer) -> Verdict {
        guard let entry = registry[principal] else { return .deny }
        if principal.role == .gateway { return .accept }
        guard topic.count <= Self.longest else { return .cutOff(reason: "a topic of \(topic.count) bytes") }
        counts[peer, default: 0] += 1
        guard counts[peer, default: 0] <= Self.most else {
            return .cutOff(reason: "more than \(Self.most) subscriptions")
        }
        return entry.grants.contains { topic.starts(with: $0.utf8) } ? .accept : .deny
    }

    mutating func release(by peer: Peer) {
        guard let count = counts[peer] else { return }
        counts[peer] = count > 1 ? count - 1 : nil
    }

    mutating func forget(_ peer: Peer) { counts[peer] = nil }
}

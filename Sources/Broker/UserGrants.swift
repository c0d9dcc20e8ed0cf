internal import Bus
internal import Messages

/// The keys that gateways have granted to users, on top of the registry. Decides only.
///
/// What a gateway says takes the place of what it said before, and holds until each grant expires, also while the
/// gateway is away; it ends at once with the gateway's line in the registry. A key of the registry is never a user's.
struct UserGrants {
    enum Event {
        case said(gateway: Principal, WireGrants)
        case registry(Registry)
        case tick
    }

    /// What stands now.
    struct Standing: Equatable, Sendable {
        /// Whose a key is.
        var principals: [[UInt8]: Principal] = [:]
        var prefixes: [Principal: Set<String>] = [:]
    }

    /// A gateway that says more is cut short.
    static let most = 20_000

    private struct Grant {
        let key: [UInt8]
        let principal: Principal
        let prefixes: Set<String>
        let expiresMilliseconds: Int64
    }

    private var registry: Registry
    private var said: [Principal: [Grant]] = [:]
    private var nextExpiry = Int64.max
    private(set) var standing = Standing()

    init(registry: Registry) { self.registry = registry }

    /// Who has lost a key or a prefix by it; nil where all stands as before.
    mutating func receive(_ event: Event, at unixMilliseconds: Int64) -> Set<Principal>? {
        switch event {
        case .said(let gateway, let wire):
            guard registry[gateway] != nil else { return nil }
            said[gateway] = wire.grants.prefix(Self.most).compactMap(Self.grant)
        case .registry(let registry):
            self.registry = registry
            said = said.filter { registry[$0.key] != nil }
        case .tick:
            guard unixMilliseconds >= nextExpiry else { return nil }
        }
        said = said.mapValues { $0.filter { $0.expiresMilliseconds > unixMilliseconds } }
        nextExpiry = said.values.joined().map(\.expiresMilliseconds).min() ?? .max
        let before = standing
        standing = union(before)
        return standing == before ? nil : Self.losers(before, standing)
    }

    /// Of two that claim one key, who has it keeps it: the first in the order of the gateways' names otherwise.
    private func union(_ before: Standing) -> Standing {
        var union = Standing()
        let all = said.sorted { $0.key.name < $1.key.name }.flatMap(\.value)
        let (kept, new) = (
            all.filter { before.principals[$0.key] == $0.principal },
            all.filter { before.principals[$0.key] != $0.principal }
        )
        for grant in kept + new where registry[grant.key] == nil && registry[grant.principal] == nil {
            guard union.principals[grant.key, default: grant.principal] == grant.principal else { continue }
            union.principals[grant.key] = grant.principal
            union.prefixes[grant.principal, default: []].formUnion(grant.prefixes)
        }
        return union
    }

    private static func losers(_ before: Standing, _ now: Standing) -> Set<Principal> {
        let keys = before.principals.filter { now.principals[$0.key] != $0.value }.map(\.value)
        let prefixes = before.prefixes.filter { !$0.value.isSubset(of: now.prefixes[$0.key] ?? []) }.map(\.key)
        return Set(keys).union(prefixes)
    }

    /// Nil for what is malformed; topics of others are left out, whatever the gateway says.
    private static func grant(_ wire: WireGrant) -> Grant? {
        guard wire.key.count == 32, let principal = Principal(user: wire.user, key: wire.name) else { return nil }
        let own = Topic.prefixes(of: wire.user)
        let prefixes = wire.prefixes.filter { prefix in
            prefix.hasSuffix("/") && prefix.utf8.count <= 256 && own.contains { prefix.hasPrefix($0) }
        }
        guard !prefixes.isEmpty, prefixes.count <= 16 else { return nil }
        return Grant(
            key: [UInt8](wire.key), principal: principal, prefixes: Set(prefixes),
            expiresMilliseconds: wire.expiresMilliseconds)
    }
}

/// What somebody at this broker listens to, so that publishers send it: gateways' leases and grants.
///
/// Interest is said, not guessed from subscription frames (docs/protocol.md §2). Decides only.
struct Interest {
    enum Event {
        /// A gateway's full list; it replaces the one before.
        case follow(gateway: String, prefixes: [String])
        /// The prefixes that the registry grants, for good, and those of the users' keys that stand.
        case grants([String])
        case tick
    }

    enum Effect: Equatable {
        case begin(String)
        case end(String)
    }

    static let lease: Duration = .seconds(15)
    /// A gateway that follows more is cut short.
    static let mostPrefixes = 20_000

    private struct Lease {
        let prefixes: Set<String>
        let until: ContinuousClock.Instant
    }

    private var leases: [String: Lease] = [:]
    private var grants: Set<String> = []
    private var wanted: Set<String> = []

    mutating func receive(_ event: Event, at now: ContinuousClock.Instant) -> [Effect] {
        switch event {
        case .follow(let gateway, let prefixes):
            let short = Set(prefixes.prefix(Self.mostPrefixes).filter { $0.utf8.count <= 256 })
            leases[gateway] = Lease(prefixes: short, until: now + Self.lease)
        case .grants(let prefixes): grants = Set(prefixes)
        case .tick: break
        }
        leases = leases.filter { $0.value.until > now }
        let union = leases.values.reduce(grants) { $0.union($1.prefixes) }
        defer { wanted = union }
        return union.subtracting(wanted).sorted().map(Effect.begin) + wanted.subtracting(union).sorted().map(Effect.end)
    }
}

package import Messages

/// Who may come in by which port. Decides only.
package struct DoorPolicy {
    package enum Verdict: Equatable, Sendable {
        case admitted(Principal)
        /// `isNew`: worth a line in the log, which each key gets once per reason.
        case refused(Reason, fingerprint: String, isNew: Bool)
    }

    package enum Reason: String, Hashable, Sendable {
        case unknownKey = "unknown key"
        case wrongPort = "no business on this port"
        case cutOff = "cut off for a while"
        case malformed = "malformed request"
    }

    private static let mostRemembered = 10_000

    package private(set) var registry: Registry
    private var cutOff: [Principal: ContinuousClock.Instant] = [:]
    private var told: Set<[UInt8]> = []

    package init(registry: Registry) { self.registry = registry }

    package mutating func admit(key: [UInt8], domain: String, at now: ContinuousClock.Instant) -> Verdict {
        guard key.count == 32, let port = Port(domain: domain) else { return refuse(.malformed, key) }
        guard let peer = registry[key] else { return refuse(.unknownKey, key) }
        guard port.admits(peer.principal.role) else { return refuse(.wrongPort, key) }
        if let until = cutOff[peer.principal] {
            guard now >= until else { return refuse(.cutOff, key) }
            cutOff[peer.principal] = nil
        }
        return .admitted(peer.principal)
    }

    /// Refuses a peer until then; what it has open must be cut elsewhere.
    package mutating func refuse(_ principal: Principal, until: ContinuousClock.Instant) { cutOff[principal] = until }

    package mutating func replace(_ registry: Registry) {
        self.registry = registry
        told = []
    }

    private mutating func refuse(_ reason: Reason, _ key: [UInt8]) -> Verdict {
        if told.count >= Self.mostRemembered { told = [] }
        let isNew = told.insert(key + reason.rawValue.utf8).inserted
        return .refused(reason, fingerprint: Fingerprint.of(key), isNew: isNew)
    }
}

extension Port {
    package func admits(_ role: Principal.Role) -> Bool {
        switch self {
        case .gateways: role == .gateway
        case .workers: role == .node
        case .publishers, .bulk: role == .node || role == .gateway
        case .subscribers: role == .gateway || role == .service
        }
    }
}

package import Messages

/// Who may come in by which port. Decides only.
package struct DoorPolicy {
    package enum Verdict: Equatable, Sendable {
        case admitted(Principal)
        /// Not now: it is not known yet, or comes too often.
        case later
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
    /// So long after its start a broker may not have heard of all users' keys.
    package static let settling: Duration = .seconds(30)
    /// How often a reader may come in a minute.
    static let mostVisits = 60

    package private(set) var registry: Registry
    private var cutOff: [Principal: ContinuousClock.Instant] = [:]
    private var told: Set<[UInt8]> = []
    private var granted: [[UInt8]: Principal] = [:]
    private var visits: [String: Int] = [:]
    private var visitsSince: ContinuousClock.Instant
    private let settledAt: ContinuousClock.Instant

    package init(registry: Registry, openedAt now: ContinuousClock.Instant) {
        self.registry = registry
        visitsSince = now
        settledAt = now + Self.settling
    }

    package mutating func admit(key: [UInt8], domain: String, at now: ContinuousClock.Instant) -> Verdict {
        guard key.count == 32, let port = Port(domain: domain) else { return refuse(.malformed, key) }
        guard let principal = registry[key]?.principal ?? granted[key] else {
            return port == .subscribers && now < settledAt ? .later : refuse(.unknownKey, key)
        }
        guard port.admits(principal.role) else { return refuse(.wrongPort, key) }
        if let until = cutOff[principal] {
            guard now >= until else { return refuse(.cutOff, key) }
            cutOff[principal] = nil
        }
        return isTooOften(principal, at: now) ? .later : .admitted(principal)
    }

    /// The keys of users that stand, in full.
    package mutating func grant(_ principals: [[UInt8]: Principal]) { granted = principals }

    /// Readers are counted, since any user can have a key; all keys of one user together.
    private mutating func isTooOften(_ principal: Principal, at now: ContinuousClock.Instant) -> Bool {
        guard principal.role == .service || principal.role == .user else { return false }
        if now - visitsSince >= .seconds(60) {
            visits = [:]
            visitsSince = now
        }
        visits[principal.holder, default: 0] += 1
        return visits[principal.holder, default: 0] > Self.mostVisits
    }

    /// Refuses a peer until then; what it has open must be cut elsewhere.
    package mutating func refuse(_ principal: Principal, until: ContinuousClock.Instant) {
        if cutOff.count >= Self.mostRemembered { cutOff = [:] }
        cutOff[principal] = until
    }

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
        case .subscribers: role == .gateway || role == .service || role == .user
        }
    }
}

package import Messages
import SwiftProtobuf

/// The login sessions of which this node takes no new order, by what the gateways have said. Decides only: no clock, no disk.
///
/// What one gateway has revoked holds for the orders of all. Nothing that is said makes a session good again before its time,
/// so an old message that comes again does no harm.
package struct Revocations: Sendable {
    /// More than gateways say; those whose time is over first make room.
    package static let most = 16_384
    private static let mostGateways = 64

    /// Of each session, until when an order of it could come, Unix milliseconds.
    private var until: [[UInt8]: Int64] = [:]
    /// The sequence of what each gateway said last.
    private var known: [Principal: UInt64] = [:]

    package init() {}

    package func isRevoked(_ session: [UInt8]) -> Bool { until[session] != nil }

    package var count: Int { until.count }

    /// Whether a gateway has more to say than this node has heard of it.
    package func isBehind(_ sequence: UInt64, of gateway: Principal) -> Bool {
        sequence != 0 && known[gateway] != sequence
    }

    /// Takes what a gateway says; true where the node's copy on the disk is not what it should be any more. `now` is by the
    /// clock of that gateway, and nil while it is not known: then nothing is forgotten. What another gateway has said is
    /// not taken.
    package mutating func take(_ said: WireRevocations, from gateway: Principal, at now: Int64?) -> Bool {
        guard said.gateway == gateway.description else { return false }
        if known[gateway] == nil, known.count >= Self.mostGateways { known = [:] }
        known[gateway] = said.sequence
        return keep(said, at: now)
    }

    /// Takes up what is on the disk.
    package mutating func takeUp(_ kept: WireRevocations) { _ = keep(kept, at: nil) }

    /// What is to be on the disk.
    package var kept: WireRevocations {
        .with {
            $0.revocations = until.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { session, until in
                .with {
                    $0.session = .init(session)
                    $0.untilMilliseconds = until
                }
            }
        }
    }

    private mutating func keep(_ said: WireRevocations, at now: Int64?) -> Bool {
        let before = until
        for one in said.revocations where one.session.count == 16 {
            until[[UInt8](one.session), default: .min].raise(to: one.untilMilliseconds)
        }
        if let now { until = until.filter { $0.value > now } }
        if until.count > Self.most {
            let latest = until.sorted { $0.value > $1.value }.prefix(Self.most)
            until = Dictionary(uniqueKeysWithValues: latest.map { ($0.key, $0.value) })
        }
        return until != before
    }
}

extension Int64 {
    fileprivate mutating func raise(to other: Int64) { self = Swift.max(self, other) }
}

package import Messages

/// The time at each gateway, as this node knows it: an order is judged by the clock of the gateway that sent it, whatever
/// the clocks of others say.
///
/// Bounded by count, not by age: a gateway that is gone makes room for others that come after it, and one that only was
/// away for long finds its clock not set back by an old message.
package struct OwnerClocks: Sendable {
    /// More gateways than an installation has; who was heard longest ago makes room.
    package static let most = 64

    /// Who was heard last stands last.
    private var known: [(gateway: Principal, clock: OwnerClock)] = []

    package init() {}

    package mutating func heard(_ milliseconds: Int64, from gateway: Principal, at now: ContinuousClock.Instant) {
        var clock = OwnerClock()
        if let index = known.firstIndex(where: { $0.gateway == gateway }) {
            clock = known.remove(at: index).clock
        } else if known.count == Self.most {
            known.removeFirst()
        }
        clock.heard(milliseconds, at: now)
        known.append((gateway, clock))
    }

    /// Unix milliseconds at that gateway; nil before it has said its time.
    package func estimate(of gateway: Principal, at now: ContinuousClock.Instant) -> Int64? {
        known.last { $0.gateway == gateway }?.clock.estimate(at: now)
    }

    /// By the gateway that was heard last: for what is of no gateway, and is only shown.
    package func latest(at now: ContinuousClock.Instant) -> Int64? { known.last?.clock.estimate(at: now) }
}

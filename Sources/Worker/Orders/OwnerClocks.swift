package import Messages

/// The time at each gateway, as this node knows it: an order is judged by the clock of the gateway that sent it, whatever
/// the clocks of others say.
///
/// Bounded by count, not by age, and none makes room for another: a clock that was forgotten could be set back by an old
/// message.
package struct OwnerClocks: Sendable {
    /// More gateways than an installation has; one that comes when there are so many is not heard.
    package static let most = 64

    /// Who was heard last stands last.
    private var known: [(gateway: Principal, clock: OwnerClock)] = []

    package init() {}

    /// False where what is said is not taken. The tag covers no sender: only by the name under it is a gateway's time
    /// known from another's that a broker shows as its own.
    package mutating func heard(
        _ said: WireClock, from gateway: Principal, at now: ContinuousClock.Instant
    ) -> Bool {
        guard said.gateway == gateway.description else { return false }
        var clock = OwnerClock()
        if let index = known.firstIndex(where: { $0.gateway == gateway }) {
            clock = known.remove(at: index).clock
        } else if known.count == Self.most {
            return false
        }
        clock.heard(said.milliseconds, at: now)
        known.append((gateway, clock))
        return true
    }

    /// Unix milliseconds at that gateway; nil before it has said its time.
    package func estimate(of gateway: Principal, at now: ContinuousClock.Instant) -> Int64? {
        known.last { $0.gateway == gateway }?.clock.estimate(at: now)
    }

    /// By the gateway that was heard last: for what is of no gateway, and is only shown.
    package func latest(at now: ContinuousClock.Instant) -> Int64? { known.last?.clock.estimate(at: now) }
}

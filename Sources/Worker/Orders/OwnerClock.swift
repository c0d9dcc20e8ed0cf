/// One gateway's time as this node knows it: what it said, carried on by the node's monotonic clock.
///
/// The node's own wall clock judges nothing; small machines boot without one.
struct OwnerClock: Sendable {
    private var saidMilliseconds: Int64?
    private var saidAt: ContinuousClock.Instant?

    /// Only forward: an old message played again sets nothing back.
    mutating func heard(_ milliseconds: Int64, at now: ContinuousClock.Instant) {
        if let estimate = estimate(at: now), milliseconds < estimate { return }
        saidMilliseconds = milliseconds
        saidAt = now
    }

    /// Unix milliseconds at the gateway; nil before it has said its time.
    func estimate(at now: ContinuousClock.Instant) -> Int64? {
        guard let saidMilliseconds, let saidAt else { return nil }
        return saidMilliseconds + (now - saidAt).milliseconds
    }
}

extension Duration {
    /// Whole milliseconds, cut off.
    var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}

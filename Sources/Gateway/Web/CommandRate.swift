/// How many commands a socket may send: 200 at once, 50 a second in the long run.
struct CommandRate {
    private static let burst = 200.0
    private static let perSecond = 50.0

    private var left = burst
    private var last: ContinuousClock.Instant?

    /// Counts one; false where it is one too many.
    mutating func take(at now: ContinuousClock.Instant) -> Bool {
        if let last {
            let passed = (now - last) / .seconds(1)
            left = min(Self.burst, left + passed * Self.perSecond)
        }
        last = now
        guard left >= 1 else { return false }
        left -= 1
        return true
    }
}

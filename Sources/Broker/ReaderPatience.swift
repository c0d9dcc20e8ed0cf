/// How long the output lane waits for a reader whose queue is full before it drops for that one.
///
/// Thousands of nodes answer one command within a moment, more than a queue holds: a reader that takes them has room again in
/// a millisecond. For one that does not, the lines of all others wait once, and a small part of the time at most.
struct ReaderPatience {
    /// For one message.
    static let longest: Duration = .milliseconds(100)
    /// Of all waiting; it grows back by a hundredth of the time.
    static let most: Duration = .seconds(1)
    private static let growth = 100

    private var left = most
    private var lastUse: ContinuousClock.Instant

    init(at now: ContinuousClock.Instant) { lastUse = now }

    /// How long may be waited now.
    mutating func allowed(at now: ContinuousClock.Instant) -> Duration {
        left = min(Self.most, left + max(.zero, now - lastUse) / Self.growth)
        lastUse = now
        return max(.zero, min(left, Self.longest))
    }

    /// It may have been longer than allowed, which is owed then.
    mutating func waited(_ duration: Duration) { left -= duration }
}

internal import Logging

/// Counts what a lane throws away, and says so at most once a minute and reason.
struct Drops {
    private static let quiet: Duration = .seconds(60)

    private var counts: [String: Int] = [:]
    private var lastTold: [String: ContinuousClock.Instant] = [:]

    func count(_ reason: String) -> Int { counts[reason, default: 0] }

    /// `sender` is the last one seen for this reason.
    mutating func add(_ reason: String, from sender: String, at now: ContinuousClock.Instant, log: Logger) {
        counts[reason, default: 0] += 1
        if let last = lastTold[reason], now - last < Self.quiet { return }
        lastTold[reason] = now
        log.warning("dropped", metadata: ["reason": "\(reason)", "sender": "\(sender)", "total": "\(count(reason))"])
    }
}

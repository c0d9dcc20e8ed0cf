/// Whether a body comes fast enough: less than 1 KB/s over 30 s of waiting for it is too slow.
///
/// Only time spent waiting for the client counts, never what the server takes for itself.
struct BodyPace {
    static let window = Duration.seconds(30)
    static let leastBytes = 30_000

    private var waiting: ContinuousClock.Instant?
    private var waited = Duration.zero
    private var bytes = 0

    mutating func waitBegan(at now: ContinuousClock.Instant) { waiting = now }

    mutating func received(_ count: Int, at now: ContinuousClock.Instant) {
        if let waiting { waited += now - waiting }
        waiting = nil
        bytes += count
        guard waited >= Self.window else { return }
        guard bytes >= Self.leastBytes else { return }
        (waited, bytes) = (.zero, 0)
    }

    /// A window in which enough came ends when it is asked, so that what came at once does not make up for a silence.
    mutating func isTooSlow(at now: ContinuousClock.Instant) -> Bool {
        let total = waiting.map { waited + (now - $0) } ?? waited
        guard total >= Self.window else { return false }
        if bytes < Self.leastBytes { return true }
        (waited, bytes) = (.zero, 0)
        if waiting != nil { waiting = now }
        return false
    }
}

/// How many chunks may be on their way at once: enough to fill the link and a few that wait, however long the link.
///
/// As TCP Vegas does (Brakmo and Peterson, 1995): of `size` chunks in flight, `size * (1 - shortest / latest round trip)`
/// stand in a queue somewhere, where they only cost memory.
struct Window: Sendable {
    static let least = 2
    static let most = 16
    /// Chunks in a queue: below the first the window grows, beyond the second it shrinks.
    private static let queued = 1.5...3.0
    private static let shortestPatience = Duration.seconds(3)
    private static let longestPatience = Duration.seconds(60)

    private(set) var size = 4
    /// How long to wait for a chunk before it is asked for again.
    private(set) var patience = Self.shortestPatience
    private var shortest: Duration?
    /// Arrivals since the size last changed: one change a round trip.
    private var arrivals = 0

    /// A chunk came that was asked for once.
    mutating func arrived(after trip: Duration) {
        let base = min(shortest ?? trip, trip)
        shortest = base
        patience = min(max(Self.shortestPatience, trip * 4), Self.longestPatience)
        arrivals += 1
        guard arrivals >= size else { return }
        arrivals = 0
        let standing = Double(size) * (1 - base / max(trip, .microseconds(1)))
        if standing < Self.queued.lowerBound {
            size = min(size + 1, Self.most)
        } else if standing > Self.queued.upperBound {
            size = max(size - 1, Self.least)
        }
    }

    /// A chunk did not come: whoever is to send it is slow or away.
    mutating func lost() {
        size = max(size / 2, Self.least)
        arrivals = 0
        patience = min(patience * 2, Self.longestPatience)
    }
}

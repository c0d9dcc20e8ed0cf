/// Names a timer on its loop.
package struct Timer: Hashable, Sendable { fileprivate let id: UInt64 }

/// The timers of a loop, the next one last.
struct Timers {
    private struct Entry {
        let id: UInt64
        var due: ContinuousClock.Instant
        let every: Duration?
        let work: () -> Void
    }

    private var entries: [Entry] = []
    private var lastID: UInt64 = 0

    mutating func add(at due: ContinuousClock.Instant, every: Duration?, _ work: @escaping () -> Void) -> Timer {
        lastID += 1
        insert(Entry(id: lastID, due: due, every: every, work: work))
        return Timer(id: lastID)
    }

    mutating func remove(_ timer: Timer) {
        entries.removeAll { $0.id == timer.id }
    }

    /// How long a poll may wait: -1 for ever, rounded up so that it is not woken too early.
    func milliseconds(until now: ContinuousClock.Instant) -> Int {
        guard let next = entries.last else { return -1 }
        let wait = now.duration(to: next.due)
        guard wait > .zero else { return 0 }
        return Int(clamping: wait.components.seconds * 1000 + wait.components.attoseconds / 1_000_000_000_000_000 + 1)
    }

    /// Takes the next one that is due and, where it repeats, puts it back for its next time.
    mutating func next(until now: ContinuousClock.Instant) -> (() -> Void)? {
        guard let entry = entries.last, entry.due <= now else { return nil }
        entries.removeLast()
        if let every = entry.every {
            var again = entry
            again.due = max(entry.due + every, now)
            insert(again)
        }
        return entry.work
    }

    private mutating func insert(_ entry: Entry) {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].due > entry.due { low = middle + 1 } else { high = middle }
        }
        entries.insert(entry, at: low)
    }
}

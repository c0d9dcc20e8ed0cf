import Messages

/// The newest report of each run until its owner has acknowledged it. Decides only when to send which.
struct Outbox: Sendable {
    struct Entry: Equatable {
        var report: WireReport
        var attempts = 0
        var due: ContinuousClock.Instant
    }

    static let waits: [Duration] = [.seconds(1), .seconds(2), .seconds(4), .seconds(8)]

    private var entries: [ExecutionID: Entry] = [:]

    var isEmpty: Bool { entries.isEmpty }

    /// A newer report replaces the one before: the owner needs where a run stands, not how it came there.
    mutating func put(_ report: WireReport, of execution: ExecutionID, at now: ContinuousClock.Instant) {
        entries[execution] = Entry(report: report, due: now)
    }

    /// Returns whether this was the newest report.
    mutating func acknowledged(_ sequence: UInt64, of execution: ExecutionID) -> Bool {
        guard let entry = entries[execution], entry.report.sequence <= sequence else { return false }
        entries[execution] = nil
        return true
    }

    mutating func forget(_ execution: ExecutionID) { entries[execution] = nil }

    func isOwed(_ execution: ExecutionID) -> Bool { entries[execution] != nil }

    /// What is to be sent now; each is due again after a growing wait.
    mutating func due(at now: ContinuousClock.Instant) -> [(ExecutionID, WireReport)] {
        var sent: [(ExecutionID, WireReport)] = []
        for (execution, entry) in entries where entry.due <= now {
            sent.append((execution, entry.report))
            entries[execution]?.due = now + Self.waits[min(entry.attempts, Self.waits.count - 1)]
            entries[execution]?.attempts += 1
        }
        return sent
    }

    /// A broker came back: everything is due at once.
    mutating func hurry(at now: ContinuousClock.Instant) {
        for execution in entries.keys {
            entries[execution]?.due = now
            entries[execution]?.attempts = 0
        }
    }

    var nextDue: ContinuousClock.Instant? { entries.values.map(\.due).min() }
}

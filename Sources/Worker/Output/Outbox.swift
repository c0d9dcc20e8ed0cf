package import Messages

/// The newest report of each run until its owner has acknowledged it. Decides only when to send which.
package struct Outbox: Sendable {
    struct Entry: Equatable {
        var report: WireReport
        var owner: Principal
        var attempts = 0
        var due: ContinuousClock.Instant
    }

    /// How long a state that is not the last one waits for the next: a command that ends at once is one report, not three.
    package static let gathering = Duration.milliseconds(15)
    static let waits: [Duration] = [.seconds(1), .seconds(2), .seconds(4), .seconds(8)]

    private var entries: [ExecutionID: Entry] = [:]

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }
    package var count: Int { entries.count }

    /// A newer report replaces the one before: the owner needs where a run stands, not how it came there.
    package mutating func put(
        _ report: WireReport, of execution: ExecutionID, to owner: Principal, at now: ContinuousClock.Instant
    ) {
        var due = now
        if !report.terminal {
            // Newer states do not push it on.
            let waiting = entries[execution].flatMap { $0.attempts == 0 ? $0.due : nil }
            due = waiting ?? now + Self.gathering
        }
        entries[execution] = Entry(report: report, owner: owner, due: due)
    }

    /// Returns whether this was the newest report.
    package mutating func acknowledged(_ sequence: UInt64, of execution: ExecutionID) -> Bool {
        guard let entry = entries[execution], entry.report.sequence <= sequence else { return false }
        entries[execution] = nil
        return true
    }

    package mutating func forget(_ execution: ExecutionID) { entries[execution] = nil }

    func isOwed(_ execution: ExecutionID) -> Bool { entries[execution] != nil }

    /// What is to be sent now; each is due again after a growing wait.
    package mutating func due(at now: ContinuousClock.Instant) -> [(
        execution: ExecutionID, report: WireReport, owner: Principal
    )] {
        var sent: [(execution: ExecutionID, report: WireReport, owner: Principal)] = []
        for (execution, entry) in entries where entry.due <= now {
            sent.append((execution, entry.report, entry.owner))
            entries[execution]?.due = now + Self.waits[min(entry.attempts, Self.waits.count - 1)]
            entries[execution]?.attempts += 1
        }
        return sent.sorted { $0.execution < $1.execution }
    }

    /// A broker came back: everything is due at once.
    package mutating func hurry(at now: ContinuousClock.Instant) {
        for execution in entries.keys {
            entries[execution]?.due = now
            entries[execution]?.attempts = 0
        }
    }

    var nextDue: ContinuousClock.Instant? { entries.values.map(\.due).min() }
}

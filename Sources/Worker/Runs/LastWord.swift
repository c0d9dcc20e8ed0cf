package import Messages

/// What may be said of a run, and when: its last state once it is on the disk, and that one ever after. Decides only.
package struct LastWord: Sendable {
    package enum Effect: Equatable, Sendable {
        case say(WireReport)
        /// Write it to the disk, and tell by `kept`.
        case keep(WireReport)
    }

    /// The newest report, said or still to be kept.
    package private(set) var report: WireReport?
    /// The owner has acknowledged the last state.
    package private(set) var isAcknowledged = false
    private var isBeingKept = false

    package init() {}

    /// Whether the last state stands: nothing newer is taken.
    package var isFinal: Bool { report?.terminal == true }

    /// A run whose last state was on the disk when the worker started.
    package mutating func takeUp(_ last: WireReport) { report = last }

    /// `isOnDisk` where the supervisor's exit record says the same.
    package mutating func changed(_ new: WireReport, isOnDisk: Bool) -> [Effect] {
        guard !isFinal else { return again() }
        report = new
        guard new.terminal, !isOnDisk else { return [.say(new)] }
        isBeingKept = true
        return [.keep(new)]
    }

    package mutating func kept() -> [Effect] {
        isBeingKept = false
        return again()
    }

    /// The order came once more, or the owner asks.
    package func again() -> [Effect] {
        guard let report, !isBeingKept else { return [] }
        return [.say(report)]
    }

    /// The newest report that was said was acknowledged: while the last state is being kept, that is one before it.
    package mutating func acknowledged() {
        if isFinal, !isBeingKept { isAcknowledged = true }
    }
}

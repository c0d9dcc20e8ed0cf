/// Which run folders of a node have served their time. Decides only: no clock, no disk. Times are Unix milliseconds.
struct RunSweep: Sendable, Equatable {
    /// After the owner has everything.
    var kept = Duration.seconds(24 * 3600)
    /// After its end, for a run whose owner is not heard any more.
    var unowned = Duration.seconds(7 * 86_400)
    /// How long an order may come again that says no deadline: the longest `--wait`.
    static let longestWait = Duration.seconds(30 * 86_400)
    /// For so long after its deadline an order's id is known.
    static let afterDeadline = Duration.seconds(24 * 3600)
    /// Rather than to remember an id apart for so short a time, the folder stays.
    static let apart = Duration.seconds(24 * 3600)

    /// A run folder as it lies there.
    struct Fact: Sendable, Equatable {
        /// When the owner had acknowledged everything.
        var settled: Int64?
        /// When it had ended, where nothing has acknowledged that.
        var ended: Int64?
        /// When the order came.
        var accepted: Int64
        /// The order's own; 0: it says none.
        var deadline: Int64 = 0

        /// Until when the same order may still come.
        var known: Int64 {
            (deadline > 0 ? deadline : accepted + RunSweep.longestWait.milliseconds)
                + RunSweep.afterDeadline.milliseconds
        }
    }

    enum Decision: Sendable, Equatable {
        case stay
        case remove
        /// Its id is known until then, so that no order that comes late starts it again.
        case rememberAndRemove(until: Int64)
        /// Nobody will acknowledge it.
        case giveUp
    }

    func decide(_ fact: Fact, at now: Int64) -> Decision {
        if let settled = fact.settled {
            guard now > settled + kept.milliseconds else { return .stay }
            if fact.known <= now { return .remove }
            return fact.known - now < Self.apart.milliseconds ? .stay : .rememberAndRemove(until: fact.known)
        }
        guard let ended = fact.ended, now > ended + unowned.milliseconds else { return .stay }
        return .giveUp
    }
}

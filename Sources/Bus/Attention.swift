/// The time by which others' silence is judged: it stands still while its owner did not look.
///
/// A process that was stopped, or got no processor, finds late all that came meanwhile. That is its own absence, and not
/// the silence of thousands of others, each of whom it would connect anew.
package struct Attention {
    package typealias Instant = ContinuousClock.Instant

    /// What may lie between two looks of one that is awake.
    private let most: Duration
    private var lastLook: Instant
    private var missed: Duration = .zero

    package init(most: Duration, at now: Instant) {
        self.most = most
        lastLook = now
    }

    /// What time it is, without all that was missed.
    package mutating func look(at now: Instant) -> Instant {
        missed += max(.zero, now - lastLook - most)
        lastLook = now
        return now - missed
    }
}

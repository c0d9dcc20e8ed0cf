/// When a batch of logs goes to the disk: at once, in a moment, or when the one that is under way is there.
struct SyncTurns {
    enum Step: Equatable {
        case begin
        /// `timeIsUp` is to be called after the period.
        case beginLater
        case wait
    }

    private var isTimed = false
    /// It was time while another batch was under way: the next one does not wait once more.
    private var isOverdue = false

    /// There is something to be synced, and no batch under way.
    mutating func next(isUrgent: Bool) -> Step {
        if isUrgent || isOverdue {
            isOverdue = false
            return .begin
        }
        guard !isTimed else { return .wait }
        isTimed = true
        return .beginLater
    }

    /// `isOwed`: something waits for the batch after the one under way.
    mutating func timeIsUp(isUnderWay: Bool, isOwed: Bool) -> Step {
        isTimed = false
        isOverdue = isUnderWay && isOwed
        return isUnderWay ? .wait : .begin
    }
}

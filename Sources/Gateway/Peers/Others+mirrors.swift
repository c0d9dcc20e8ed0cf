import Bus
import Messages

/// Logs that are copied here: how far, and when nothing more will come.
extension Others {
    /// The log of an execution is open here: its runs are shown as far as the copy goes.
    func opened(_ other: Other, positions: [UInt64]) {
        let id = other.head.id
        if known[id] == nil { known[id] = other }
        mirrored[id] = positions
        completedMirrors.remove(id)
    }

    /// The copy has grown.
    func mirrored(_ id: ExecutionID, positions: [UInt64]) {
        guard let before = mirrored.updateValue(positions, forKey: id), let other = known[id] else { return }
        let done = positions.indices.filter { number in
            guard let final = other.execution.runs[number].finalLength, other.execution.runs[number].state.isTerminal
            else { return false }
            return before[number] < final && positions[number] >= final
        }
        publish(id, done)
    }

    /// Nothing will be added to the copy any more.
    func mirrorCompleted(_ id: ExecutionID) {
        completedMirrors.insert(id)
        endFeedIfOver(id)
    }

    func closed(_ id: ExecutionID) {
        mirrored[id] = nil
        completedMirrors.remove(id)
        endFeedIfOver(id)
        letGo(id)
    }

    /// Whether nothing more will come here: neither states nor output.
    func isOver(_ id: ExecutionID) -> Bool {
        guard known[id]?.isComplete == true else { return false }
        return mirrored[id] == nil || completedMirrors.contains(id)
    }

    func endFeedIfOver(_ id: ExecutionID) {
        guard isOver(id) else { return }
        feeds.removeValue(forKey: id)?.close()
    }

    func publish(_ id: ExecutionID, _ numbers: [Int]) {
        guard let feed = feeds[id], let other = known[id] else { return }
        feed.publish(
            numbers.map { (key: $0, value: view(other.execution.runs[$0], $0, of: id, copied: other.copied)) })
    }
}

import Messages

extension LogCopy {
    /// The nodes of which much came in this pass are told how much is taken, and their share of what may be on its way.
    /// Those whose output comes by ranges publish hardly anything besides: it would come twice.
    package mutating func endPass(at now: Duration) -> [Effect] {
        guard !untold.isEmpty else { return [] }
        var told: [(key: RunKey, state: State)] = []
        for key in untold.sorted() {
            guard let state = self[key] else { continue }
            share.took(state.next - min(state.told, state.next), of: key, at: now)
            self[key]?.told = state.next
            told.append((key, state))
        }
        untold.removeAll(keepingCapacity: true)
        let share = share.window
        return told.map { key, state in
            let window = lacking.contains(key) && turns.contains(key, of: state.node) ? OutputShare.least : share
            self[key]?.window = window
            return .taken(key, state.node, spool: state.spool, position: state.next, window: window)
        }
    }
}

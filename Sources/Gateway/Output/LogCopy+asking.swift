import Messages

extension LogCopy {
    mutating func ask(_ key: RunKey, _ now: Duration) -> [Effect] {
        guard var state = self[key], state.spool != 0, state.asksAtOnce || state.known > state.next else {
            lacking.remove(key)
            return []
        }
        lacking.insert(key)
        guard present.contains(state.node) else {
            turns.end(key, of: state.node)
            return []
        }
        guard now >= state.notBefore, !isOnItsWay(state, now) else { return [] }
        if let asked = state.asked {
            guard now >= asked.at + Self.replayTimeout else { return [] }
            // A node that does not answer waits behind the others, too.
            state.asked = nil
            self[key] = state
            turns.end(key, of: state.node)
        }
        guard turns.begin(key, of: state.node) else { return [] }
        let to = state.asksAtOnce ? state.next + Self.replaySize : min(state.known, state.next + Self.replaySize)
        state.asked = (state.next, to, now)
        state.expectsSince = nil
        self[key] = state
        return [.requestReplay(key, state.node, spool: state.spool, from: state.next, to: to)]
    }

    /// Nothing says that it is lost, and output is coming.
    private func isOnItsWay(_ state: State, _ now: Duration) -> Bool {
        guard let since = state.expectsSince, state.asked == nil else { return false }
        return now < min(max(since, lastSlice) + Self.overtaking, since + Self.longestOvertaking)
    }

    mutating func replayed(
        _ key: RunKey, _ spool: UInt64, _ released: UInt64, _ length: UInt64, _ gone: Bool, _ now: Duration
    ) -> [Effect] {
        guard var state = self[key], !state.isDone, state.spool == spool || gone else { return [] }
        state.known = max(state.known, length)
        state.asksAtOnce = false
        // It may have gone back to what is copied, with little on its way: it is told at once where the log stands.
        state.window = 0
        if state.spool == spool { untold.insert(key) }
        // What the node does not hold any more will never come: the gap reaches up to what it still has.
        let lost = gone ? (state.finalLength ?? state.next) : released
        guard lost > state.next else {
            if length <= state.next {
                state.asked = nil
                // The node has no more, or not yet, or what it sent comes behind its word.
                state.notBefore = max(state.notBefore, now + (gone ? Self.replayTimeout : Self.overtaking))
                turns.end(key, of: state.node)
            }
            self[key] = state
            return advanced(key, now)
        }
        // Nobody printed it here.
        state.told += lost - state.next
        state.next = lost
        state.known = max(state.known, lost)
        state.asked = nil
        self[key] = state
        turns.end(key, of: state.node)
        return [.gap(key, spool: spool, to: lost)] + advanced(key, now)
    }

    /// Those who have waited ask, as far as there are places.
    mutating func giveTurns(_ now: Duration) -> [Effect] {
        var effects: [Effect] = []
        while let (key, node) = turns.next() {
            let asked = ask(key, now)
            // It lacks nothing any more, or its node is away.
            if asked.isEmpty { turns.end(key, of: node) }
            effects += asked
        }
        return effects
    }

    mutating func arrive(_ node: NodeName, _ now: Duration) -> [Effect] {
        present.insert(node)
        awaySince[node] = nil
        var effects: [Effect] = []
        for key in (runsOfNode[node] ?? []).sorted() {
            guard var state = self[key] else { continue }
            state.asked = nil
            state.notBefore = now
            state.expectsSince = nil
            state.asksAtOnce = true
            // Another worker has not heard of the window.
            state.window = 0
            self[key] = state
            turns.end(key, of: state.node)
            effects += ask(key, now)
        }
        return effects
    }

    mutating func depart(_ node: NodeName, _ now: Duration) -> [Effect] {
        present.remove(node)
        if awaySince[node] == nil { awaySince[node] = now }
        return []
    }

    mutating func tick(_ now: Duration) -> [Effect] {
        var effects: [(key: RunKey, effects: [Effect])] = []
        for key in lacking.sorted() {
            guard let state = self[key] else {
                lacking.remove(key)
                continue
            }
            if let final = state.finalLength, !present.contains(state.node), isLost(state.node, now) {
                effects.append((key, giveUp(key, final, now)))
            } else {
                let asked = ask(key, now)
                if !asked.isEmpty { effects.append((key, asked)) }
            }
        }
        return effects.sorted { $0.key < $1.key }.flatMap(\.effects)
    }

    mutating func isLost(_ node: NodeName, _ now: Duration) -> Bool {
        guard let since = awaySince[node] else {
            awaySince[node] = now
            return false
        }
        return now >= since + Self.patience
    }

    /// The node has been gone too long: what it still held is counted as lost.
    mutating func giveUp(_ key: RunKey, _ final: UInt64, _ now: Duration) -> [Effect] {
        guard var state = self[key] else { return [] }
        state.next = final
        self[key] = state
        return [.gap(key, spool: state.spool, to: final)] + advanced(key, now)
    }
}

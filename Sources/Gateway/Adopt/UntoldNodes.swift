import Messages

/// Nodes that are still to be told that executions belong to this gateway now, and when. Decides only.
struct UntoldNodes {
    struct Telling: Hashable {
        let execution: ExecutionID
        let node: NodeName
        let term: UInt64
    }

    static let again = Duration.seconds(2)
    /// Told in one go; the rest comes a moment later.
    static let mostAtOnce = 500

    private struct Debt {
        let term: UInt64
        var told: Duration?
    }

    private var debts: [NodeName: [ExecutionID: Debt]] = [:]

    var isEmpty: Bool { debts.isEmpty }

    mutating func add(_ id: ExecutionID, _ node: NodeName, term: UInt64) {
        debts[node, default: [:]][id] = Debt(term: term)
    }

    /// It is there (again): what it was told before may be lost.
    mutating func arrived(_ node: NodeName) {
        for id in debts[node, default: [:]].keys { debts[node]?[id]?.told = nil }
    }

    /// It has acknowledged; false where nothing was owed.
    mutating func taken(_ id: ExecutionID, _ node: NodeName) -> Bool {
        guard debts[node]?.removeValue(forKey: id) != nil else { return false }
        if debts[node]?.isEmpty == true { debts[node] = nil }
        return true
    }

    /// What is to be said now to the nodes that are present.
    mutating func due(present: Set<NodeName>, at now: Duration) -> [Telling] {
        var due: [Telling] = []
        for (node, owed) in debts where present.contains(node) {
            for (id, debt) in owed where debt.told.map({ now - $0 >= Self.again }) ?? true {
                guard due.count < Self.mostAtOnce else { return due }
                debts[node]?[id]?.told = now
                due.append(Telling(execution: id, node: node, term: debt.term))
            }
        }
        return due
    }
}

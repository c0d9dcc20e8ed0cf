import Messages

/// Stops asked for here of executions that belong to other gateways, until their owners have them: when an owner is asked
/// to take one, and when the nodes are told without it. Decides only.
struct OwedStops {
    /// What a user wished of one execution.
    struct Wish: Hashable, Sendable {
        let execution: ExecutionID
        let identity: Identity
        /// By run number.
        var nodes: [Int: NodeName]
        var graceMilliseconds: UInt64

        var stop: StopWish { StopWish(graceMilliseconds: graceMilliseconds, user: identity.user) }
    }

    /// How things stand for one wish.
    struct Look: Sendable {
        var isOwnerPresent: Bool
        var present: Set<NodeName>
    }

    enum Effect: Equatable {
        case handOn(Wish)
        case tellNodes(Wish, [NodeName])
    }

    /// An owner that is there is asked again after this long, a node without one told again.
    static let again = Duration.seconds(1)
    static let nodeAgain = Duration.seconds(5)

    private struct Debt {
        var wish: Wish
        var asked: Duration?
        var told: [NodeName: Duration] = [:]
    }

    private var debts: [ExecutionID: Debt] = [:]

    var executions: [ExecutionID] { Array(debts.keys) }
    var isEmpty: Bool { debts.isEmpty }

    /// A wish for the same execution joins the one before; the grace given last counts.
    mutating func add(_ wish: Wish) {
        guard var debt = debts[wish.execution] else {
            debts[wish.execution] = Debt(wish: wish)
            return
        }
        debt.wish.nodes.merge(wish.nodes) { $1 }
        debt.wish.graceMilliseconds = wish.graceMilliseconds
        debt.asked = nil
        debt.told = [:]
        debts[wish.execution] = debt
    }

    /// The owner has it on its disk, or there is no such execution any more.
    mutating func taken(_ id: ExecutionID) -> Wish? { debts.removeValue(forKey: id)?.wish }

    subscript(id: ExecutionID) -> Wish? { debts[id]?.wish }

    /// What is due for one of them.
    mutating func due(_ id: ExecutionID, _ look: Look, at now: Duration) -> [Effect] {
        guard var debt = debts[id] else { return [] }
        defer { debts[id] = debt }
        if look.isOwnerPresent {
            guard debt.asked.map({ now - $0 >= Self.again }) ?? true else { return [] }
            debt.asked = now
            return [.handOn(debt.wish)]
        }
        // A node that was away and is back has not heard it.
        debt.told = debt.told.filter { look.present.contains($0.key) }
        let nodes = debt.wish.nodes.values.filter { node in
            look.present.contains(node) && (debt.told[node].map { now - $0 >= Self.nodeAgain } ?? true)
        }.sorted()
        guard !nodes.isEmpty else { return [] }
        for node in nodes { debt.told[node] = now }
        return [.tellNodes(debt.wish, nodes)]
    }
}

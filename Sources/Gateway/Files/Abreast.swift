import Messages

/// The nodes that fetch one parcel, and how far each is: who is about to ask for a chunk. Nodes ask for chunks in their order.
struct Abreast {
    typealias Instant = ContinuousClock.Instant

    /// A node that asked for a chunk so far before another, or nearer, asks for that one soon. Who is farther behind is slow, and
    /// who is past it has it.
    static let reach = 32
    /// Who has not asked for anything for so long is not waited for.
    static let absence = Duration.milliseconds(500)

    private var nodes: [NodeName: (last: Instant, index: Int)] = [:]
    /// How many are at an index: of thousands of nodes none is looked at for each request.
    private var counts: [Int: Int] = [:]

    var isEmpty: Bool { nodes.isEmpty }

    /// `index` nil: the list. What is asked for once more sets nobody back.
    mutating func asked(_ node: NodeName, for index: UInt32?, at now: Instant) {
        let before = nodes[node]?.index
        let index = max(before ?? -1, index.map(Int.init) ?? -1)
        nodes[node] = (now, index)
        guard index != before else { return }
        if let before { leave(before) }
        counts[index, default: 0] += 1
    }

    func isSomebodyBefore(_ index: UInt32) -> Bool {
        (max(-1, Int(index) - Self.reach)..<Int(index)).contains { counts[$0] != nil }
    }

    mutating func forgetAbsent(at now: Instant) {
        for (node, state) in nodes where now - state.last >= Self.absence {
            nodes[node] = nil
            leave(state.index)
        }
    }

    private mutating func leave(_ index: Int) {
        let left = (counts[index] ?? 1) - 1
        counts[index] = left > 0 ? left : nil
    }
}

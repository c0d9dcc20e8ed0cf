import Messages
import Synchronization

/// The figures of the nodes that somebody looks at. Exactly those are followed on the bus, so that no other node measures.
///
/// A viewer has no queue: of each node it gets the newest.
final class Statuses: Sendable {
    /// A figure this old is not shown to who begins to look.
    static let freshness = Duration.milliseconds(2500)

    private struct State {
        /// How many look at each node.
        var viewers: [NodeName: Int] = [:]
        var newest: [NodeName: StatusFigure] = [:]
    }

    private let state = Mutex(State())
    private let feed = Feed<NodeName, StatusFigure>()
    private let changed: @Sendable () -> Void

    /// `changed` is called when `prefixes` has become another.
    init(changed: @escaping @Sendable () -> Void) { self.changed = changed }

    /// The topics to follow.
    var prefixes: [String] {
        state.withLock { $0.viewers.keys.map { Topic.status($0).description } }.sorted()
    }

    /// What came over the bus; a topic of nobody's interest is dropped.
    func receive(topic: [UInt8], _ body: [UInt8]) {
        guard case .status(let node) = Topic(bytes: topic),
            let figure = StatusFigure(node, body, at: ContinuousClock.now)
        else { return }
        let isWanted = state.withLock { state in
            guard state.viewers[node] != nil else { return false }
            state.newest[node] = figure
            return true
        }
        if isWanted { feed.publish([(node, figure)]) }
    }

    /// Looks at nodes while `body` runs: its changes bring the newest figure of each, those known already at once.
    func watching<Result>(
        _ nodes: Set<NodeName>, _ body: (Changes<NodeName, StatusFigure>) async throws -> Result
    ) async rethrows -> Result {
        let changes = feed.subscribe(to: nodes)
        let known = begin(nodes)
        defer { end(nodes) }
        changes.put(known.map { ($0.node, $0) })
        return try await body(changes)
    }

    func close() { feed.close() }

    private func begin(_ nodes: Set<NodeName>) -> [StatusFigure] {
        let (isOther, known) = state.withLock { state in
            let count = state.viewers.count
            for node in nodes { state.viewers[node, default: 0] += 1 }
            let oldest = ContinuousClock.now - Self.freshness
            let known = nodes.compactMap { state.newest[$0] }.filter { $0.arrived >= oldest }
            return (state.viewers.count != count, known)
        }
        if isOther { changed() }
        return known
    }

    private func end(_ nodes: Set<NodeName>) {
        let isOther = state.withLock { state in
            let count = state.viewers.count
            for node in nodes {
                let left = state.viewers[node, default: 1] - 1
                state.viewers[node] = left > 0 ? left : nil
                if left <= 0 { state.newest[node] = nil }
            }
            return state.viewers.count != count
        }
        if isOther { changed() }
    }
}

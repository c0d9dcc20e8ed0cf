import Dispatch
import Messages
import Synchronization

/// The figures of the nodes that somebody looks at. Exactly those are followed on the bus, so that no other node measures.
///
/// A viewer has no queue: of each node it gets the newest. A node is followed for some seconds after the last look, so that
/// who looks on and off in haste sets nothing in motion on the bus.
final class Statuses: Sendable {
    /// A figure this old is not shown to who begins to look.
    static let freshness = Duration.milliseconds(2500)

    private struct Followed {
        var viewers = 0
        /// When the last one ceased to look.
        var idleSince: ContinuousClock.Instant?
    }

    private struct State {
        var followed: [NodeName: Followed] = [:]
        var isSweepDue = false
        var newest: [NodeName: StatusFigure] = [:]
    }

    private let state = Mutex(State())
    private let feed = Feed<NodeName, StatusFigure>()
    private let linger: Duration
    private let changed: @Sendable () -> Void

    /// `changed` is called when `prefixes` has become another.
    init(linger: Duration = .seconds(5), changed: @escaping @Sendable () -> Void) {
        (self.linger, self.changed) = (linger, changed)
    }

    /// The topics to follow.
    var prefixes: [String] {
        state.withLock { $0.followed.keys.map { Topic.status($0).description } }.sorted()
    }

    /// What came over the bus; a topic of nobody's interest is dropped.
    func receive(topic: [UInt8], _ body: [UInt8]) {
        guard case .status(let node) = Topic(bytes: topic),
            let figure = StatusFigure(node, body, at: ContinuousClock.now)
        else { return }
        let isWanted = state.withLock { state in
            guard state.followed[node] != nil else { return false }
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
            let count = state.followed.count
            for node in nodes {
                state.followed[node, default: Followed()].viewers += 1
                state.followed[node]?.idleSince = nil
            }
            let oldest = ContinuousClock.now - Self.freshness
            let known = nodes.compactMap { state.newest[$0] }.filter { $0.arrived >= oldest }
            return (state.followed.count != count, known)
        }
        if isOther { changed() }
        return known
    }

    private func end(_ nodes: Set<NodeName>) {
        let now = ContinuousClock.now
        let isSweepNew = state.withLock { state in
            for node in nodes {
                state.followed[node]?.viewers -= 1
                if state.followed[node]?.viewers == 0 { state.followed[node]?.idleSince = now }
            }
            defer { state.isSweepDue = true }
            return !state.isSweepDue
        }
        if isSweepNew { sweepLater() }
    }

    private func sweepLater() {
        DispatchQueue.global().asyncAfter(deadline: .now() + linger / .seconds(1)) { [weak self] in self?.sweep() }
    }

    /// Lets go of what nobody has looked at for as long as it lingers.
    private func sweep() {
        let now = ContinuousClock.now
        let (isOther, isLeft) = state.withLock { state in
            let over = state.followed.filter { $1.idleSince.map { now - $0 >= linger } ?? false }.keys
            for node in over {
                state.followed[node] = nil
                state.newest[node] = nil
            }
            state.isSweepDue = state.followed.values.contains { $0.idleSince != nil }
            return (!over.isEmpty, state.isSweepDue)
        }
        if isOther { changed() }
        if isLeft { sweepLater() }
    }
}

import Messages
import Synchronization

/// The registered nodes as the brokers see them: present where any broker says so.
final class NodeTable: Sendable {
    private let rosters = Mutex(Rosters())
    private let feed = Feed<NodeName, NodeView>()

    /// All registered nodes, in natural order of their names.
    func snapshot() -> [NodeView] { rosters.withLock { $0.views() } }

    /// Those that a broker reaches now.
    var present: [NodeName] { snapshot().compactMap { $0.present ? NodeName($0.name) : nil } }

    /// One of them; nil where it is not registered.
    func view(of node: NodeName) -> NodeView? { rosters.withLock { $0.view(of: node) } }

    /// The nodes that change from now on, each with its newest state.
    func changes() -> Changes<NodeName, NodeView> { feed.subscribe() }

    /// Since when a node is away, Unix milliseconds; nil while it is present.
    func awaySince(_ node: NodeName) -> Int64? { rosters.withLock { $0.awaySince(node) } }

    /// Whether the registry names it, present or not.
    func isRegistered(_ node: NodeName) -> Bool { rosters.withLock { $0.isRegistered(node) } }

    /// Sorts nodes by the broker that reaches each; under nil those that none reaches just now.
    func byBroker(_ nodes: [NodeName]) -> [Int?: [NodeName]] {
        rosters.withLock { rosters in Dictionary(grouping: nodes) { rosters.brokers(of: $0).first } }
    }

    /// Whether the roster of a broker is to be asked for again, by the digest in its heartbeat.
    func isBehind(_ broker: Int, _ digest: UInt64) -> Bool { rosters.withLock { $0.isBehind(broker, digest) } }

    /// Applies what brokers said and returns the nodes whose presence or hello changed by it.
    @discardableResult
    func apply(_ news: [Rosters.News]) -> [Rosters.Change] {
        let (changes, views) = rosters.withLock { rosters in
            var changes: [NodeName: Rosters.Change] = [:]
            for item in news {
                for change in rosters.receive(item) { changes[change.node] = change }
            }
            return (
                Array(changes.values), changes.keys.compactMap { node in rosters.view(of: node).map { (node, $0) } }
            )
        }
        feed.publish(views.map { (key: $0.0, value: $0.1) })
        return changes
    }

    func close() { feed.close() }
}

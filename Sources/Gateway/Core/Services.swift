import Messages

/// The service names that nodes announce, for the users they belong to.
struct Services: Sendable {
    /// What became of a wish to end an announcement, by node.
    struct Removed: Encodable, Equatable, Sendable {
        /// Announced there no more.
        var removed: [String] = []
        /// Nothing was heard of these in time: away, or too busy.
        var unreachable: [String] = []
    }

    private static let patience = Duration.seconds(5)
    private static let again = Duration.seconds(1)
    private static let pause = Duration.milliseconds(50)

    let nodes: NodeTable
    let bus: @Sendable ([Outgoing]) -> Void

    /// The user's own, by name and node.
    func list(of user: String) -> [ServiceView] {
        let own = nodes.snapshot().flatMap { node in
            (node.services ?? []).filter { $0.user == user }.map { service in
                var view = service
                view.addresses = node.addresses
                return view
            }
        }
        return own.sorted { ($0.name, $0.node) < ($1.name, $1.node) }
    }

    /// Ends the announcement of a name on all nodes that make it, or on those named; returns when they have said so, within
    /// five seconds. `unknown_service` where no node (or not each of those named) announces it for this user.
    func remove(_ name: String, user: String, nodes asked: [String]?) async throws -> Removed {
        let announcing = Set(list(of: user).filter { $0.name == name }.map(\.node))
        let wanted = asked.map(Set.init) ?? announcing
        let strangers = wanted.subtracting(announcing).sorted()
        guard !wanted.isEmpty, strangers.isEmpty else {
            let place =
                strangers.isEmpty ? "No node announces" : "\(strangers.joined(separator: ", ")) does not announce"
            throw Failure(
                .unknownService, "\(place) a service “\(name)” of yours: `estiba services` lists them.",
                nodes: strangers)
        }
        let targets = wanted.sorted().compactMap { NodeName($0) }
        var waiting = targets
        let end = ContinuousClock.now + Self.patience
        var due = ContinuousClock.now
        while !waiting.isEmpty, ContinuousClock.now < end {
            if ContinuousClock.now >= due {
                bus([.removeService(waiting, name: name, user: user)])
                due = .now + Self.again
            }
            try await Task.sleep(for: Self.pause)
            waiting = waiting.filter { isAnnounced(name, of: user, at: $0) }
        }
        let left = Set(waiting)
        return Removed(
            removed: targets.filter { !left.contains($0) }.map(\.description),
            unreachable: waiting.map(\.description))
    }

    private func isAnnounced(_ name: String, of user: String, at node: NodeName) -> Bool {
        nodes.view(of: node)?.services?.contains { $0.name == name && $0.user == user } ?? false
    }
}

import Messages

/// What a node says of itself, held to bounds: nodes are not believed to be kind.
extension WireHello {
    private static let mostProfiles = 64
    private static let mostServices = 256

    /// Nil where there are none.
    var profileViews: [ProfileView]? {
        let views = profiles.prefix(Self.mostProfiles).map { profile in
            ProfileView(
                name: String(profile.name.prefix(64)), says: String(profile.says.prefix(300)),
                match: profile.match.prefix(16).map { String($0.prefix(255)) })
        }
        return views.isEmpty ? nil : views
    }

    /// Nil where there are none.
    func serviceViews(of node: NodeName) -> [ServiceView]? {
        let views: [ServiceView] = services.prefix(Self.mostServices).compactMap { service in
            guard ServiceLabel.isValid(service.name), let execution = ExecutionID(bytes: [UInt8](service.execution))
            else { return nil }
            return ServiceView(
                name: service.name, node: node.description, user: service.user, execution: execution.description,
                since: service.sinceMilliseconds, permanent: service.permanent,
                port: service.port == 0 ? nil : service.port)
        }
        return views.isEmpty ? nil : views
    }
}

extension NodeView {
    /// What one user may see of a node: of service names only their own.
    func seen(by user: String) -> NodeView {
        var view = self
        let own = services?.filter { $0.user == user } ?? []
        view.services = own.isEmpty ? nil : own
        return view
    }
}

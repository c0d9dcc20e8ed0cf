/// What a node can do with a file beyond placing it.
package struct ProfileView: Codable, Sendable, Equatable {
    package var name: String
    /// For people.
    package var says: String
    /// File names it takes, as shell patterns.
    package var match: [String]
}

/// A service name that a node announces.
package struct ServiceView: Codable, Sendable, Equatable {
    package var name: String
    package var node: String
    package var user: String
    package var execution: String
    /// Unix milliseconds.
    package var since: Int64
    /// Stays when its run ends, until it is removed.
    package var permanent: Bool
    package var port: UInt32?
    /// The node's. Absent where the node itself is shown.
    package var addresses: [String]?
}

/// What the API says of service names (docs/protocol.md §10).
struct Service: Codable, Sendable {
    var name: String
    var node: String
    var user: String
    var execution: String
    /// Unix milliseconds.
    var since: Int64
    var permanent: Bool
    var port: UInt32?
    var addresses: [String]?
}

struct ServiceList: Codable, Sendable { var services: [Service] }

struct ServiceRemoval: Encodable, Sendable {
    var name: String
    var nodes: [String]?
}

struct RemovedService: Codable, Sendable {
    var removed: [String]
    /// Nodes that said nothing in time.
    var unreachable: [String]
}

/// The ports of a broker, as distances from its base, and who has business there (docs/protocol.md §2).
package enum Port: Int, CaseIterable, Sendable {
    case gateways = 0
    case workers = 1
    case publishers = 2
    case subscribers = 3
    case bulk = 4

    /// The ZAP domain of the port, by which the doorkeeper knows at which door somebody stands.
    package var domain: String {
        switch self {
        case .gateways: "estiba.gateways"
        case .workers: "estiba.workers"
        case .publishers: "estiba.publishers"
        case .subscribers: "estiba.subscribers"
        case .bulk: "estiba.bulk"
        }
    }

    package init?(domain: String) {
        guard let port = Self.allCases.first(where: { $0.domain == domain }) else { return nil }
        self = port
    }
}

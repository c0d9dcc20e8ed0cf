import HTTPTypes
import Messages
import NIOCore

/// Which names this server answers to, and from which pages it takes requests.
///
/// A name that merely points here (DNS rebinding) is refused; an address written as numbers cannot be rebound, so any of
/// them is good where the server listens on all.
struct HostRules: Sendable {
    /// The address and port listened on; `0.0.0.0` and `::` are all.
    let address: String
    let port: Int
    /// Names an operator has given.
    let names: Set<String>
    let isTLS: Bool
    let isBehindProxy: Bool

    init(address: String, port: Int, names: [String] = [], isTLS: Bool = false, isBehindProxy: Bool = false) {
        self.address = address.lowercased()
        self.port = port
        self.names = Set(names.map { $0.lowercased() })
        self.isTLS = isTLS
        self.isBehindProxy = isBehindProxy
    }

    /// Refuses a request for a host that this is not.
    func check(host: String?) -> Refusal? {
        guard let host, !host.isEmpty else {
            return Refusal(.badRequest, .badRequest, "The request names no host.")
        }
        guard let (name, port) = Self.split(host), isOurs(name), isBehindProxy || port ?? defaultPort == self.port
        else {
            return Refusal(.misdirectedRequest, .badRequest, "This server does not answer to that name.")
        }
        return nil
    }

    /// Whether a page of this origin is one that this server sent: scheme, host and port as in the request's `Host`.
    func isOurs(origin: String, host: String?, forwardedScheme: String?) -> Bool {
        guard let host else { return false }
        let scheme = isTLS ? "https" : isBehindProxy ? forwardedScheme ?? "https" : "http"
        return origin == "\(scheme)://\(host)"
    }

    private var defaultPort: Int { isTLS ? 443 : 80 }

    private func isOurs(_ name: String) -> Bool {
        if names.contains(name) || name == address { return true }
        let isLoopback = Self.isLoopback(address)
        if ["localhost", "127.0.0.1", "::1"].contains(name) { return isLoopback || listensOnAll }
        return listensOnAll && (try? SocketAddress(ipAddress: name, port: 0)) != nil
    }

    private var listensOnAll: Bool { address == "0.0.0.0" || address == "::" }

    static func isLoopback(_ address: String) -> Bool {
        address == "localhost" || address == "::1" || address.hasPrefix("127.") && !address.contains { $0.isLetter }
    }

    /// `name[:port]`, with IPv6 addresses in brackets; the name in lower case.
    static func split(_ host: String) -> (name: String, port: Int?)? {
        guard host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
        let name: Substring
        let rest: Substring
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { return nil }
            name = host[host.index(after: host.startIndex)..<end]
            rest = host[host.index(after: end)...]
        } else {
            name = host.prefix { $0 != ":" }
            rest = host[name.endIndex...]
        }
        guard !name.isEmpty else { return nil }
        if rest.isEmpty { return (name.lowercased(), nil) }
        guard rest.hasPrefix(":"), let port = UInt16(rest.dropFirst()) else { return nil }
        return (name.lowercased(), Int(port))
    }
}

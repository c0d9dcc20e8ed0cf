private import Sodium

/// The keys that the gateways' authority and one node share without ever sending them (docs/protocol.md §4).
package struct NodeKeys: Sendable, Equatable {
    package let ticket: [UInt8]
    package let command: [UInt8]
    package let report: [UInt8]
    package let output: [UInt8]

    /// At a gateway. Nil for a public key that is no point of the curve's right group.
    package init?(authoritySecret: [UInt8], authorityPublic: [UInt8], nodePublic: [UInt8]) {
        self.init(KeyExchange.shared(secret: authoritySecret, public: nodePublic), authorityPublic, nodePublic)
    }

    /// At a node.
    package init?(nodeSecret: [UInt8], nodePublic: [UInt8], authorityPublic: [UInt8]) {
        self.init(KeyExchange.shared(secret: nodeSecret, public: authorityPublic), authorityPublic, nodePublic)
    }

    private init?(_ shared: [UInt8]?, _ authorityPublic: [UInt8], _ nodePublic: [UInt8]) {
        guard let shared else { return nil }
        let root = Blake2b.hash(shared, authorityPublic, nodePublic, Array("estiba node v1".utf8))
        ticket = KeyDerivation.derive(context: "ticket__", from: root)
        command = KeyDerivation.derive(context: "command_", from: root)
        report = KeyDerivation.derive(context: "report__", from: root)
        output = KeyDerivation.derive(context: "output__", from: root)
    }

    /// The key generation of a node: the first 8 bytes of its public key's hash, little-endian.
    package static func enrolment(of nodePublic: [UInt8]) -> UInt64 {
        Blake2b.hash(nodePublic).prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// Keys never show in what is printed or logged with them.
extension NodeKeys: CustomStringConvertible, CustomReflectable {
    package var description: String { "keys of a node" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

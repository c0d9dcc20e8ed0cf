/// Who a key belongs to: `role:name`, as the doorkeeper finds it in the registry.
package struct Principal: Hashable, Sendable, LosslessStringConvertible {
    package enum Role: String, Sendable, CaseIterable {
        case node, gateway, service, user, broker
    }

    package let role: Role
    package let name: String

    package init(_ role: Role, _ name: String) {
        self.role = role
        self.name = name
    }

    package init(_ node: NodeName) {
        self.init(.node, node.description)
    }

    package init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":"), let role = Role(rawValue: String(text[..<colon])) else {
            return nil
        }
        let name = String(text[text.index(after: colon)...])
        guard !name.isEmpty, name.utf8.count <= 200, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            return nil
        }
        if role == .node, NodeName(name) == nil { return nil }
        self.init(role, name)
    }

    package var description: String { "\(role.rawValue):\(name)" }

    /// The node's name, where this is a node.
    package var node: NodeName? { role == .node ? NodeName(name) : nil }
}

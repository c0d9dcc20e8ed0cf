package import Messages
private import Sodium

/// The tags of messages between a gateway and a node (docs/protocol.md §3): 32 bytes each.
package enum Tags {
    package static let size = MAC.size

    /// The tag of an order: the ticket's, made for one node.
    package static func order(ticket: [UInt8], node: NodeName, enrolment: UInt64, keys: NodeKeys) -> [UInt8] {
        MAC.tag(covered(ticket: ticket, node, enrolment), key: keys.ticket)
    }

    package static func isValidOrder(
        _ tag: [UInt8], ticket: [UInt8], node: NodeName, enrolment: UInt64, keys: NodeKeys
    ) -> Bool {
        MAC.isValid(tag, covered(ticket: ticket, node, enrolment), key: keys.ticket)
    }

    /// The tag of any other message of a gateway to a node; `header` as its 32 bytes went over the wire.
    package static func command(header: [UInt8], node: NodeName, body: [UInt8], keys: NodeKeys) -> [UInt8] {
        MAC.tag(covered(header: header, node, body), key: keys.command)
    }

    package static func isValidCommand(
        _ tag: [UInt8], header: [UInt8], node: NodeName, body: [UInt8], keys: NodeKeys
    ) -> Bool {
        MAC.isValid(tag, covered(header: header, node, body), key: keys.command)
    }

    /// The tag of a message of a node to a gateway.
    package static func report(header: [UInt8], node: NodeName, body: [UInt8], keys: NodeKeys) -> [UInt8] {
        MAC.tag(covered(header: header, node, body), key: keys.report)
    }

    package static func isValidReport(
        _ tag: [UInt8], header: [UInt8], node: NodeName, body: [UInt8], keys: NodeKeys
    ) -> Bool {
        MAC.isValid(tag, covered(header: header, node, body), key: keys.report)
    }

    private static func covered(ticket: [UInt8], _ node: NodeName, _ enrolment: UInt64) -> [UInt8] {
        var writer = ByteWriter(capacity: ticket.count + 73)
        writer.append(ticket)
        writer.short(node.description)
        writer.u64(enrolment)
        return writer.bytes
    }

    private static func covered(header: [UInt8], _ node: NodeName, _ body: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(capacity: header.count + 65 + body.count)
        writer.append(header)
        writer.short(node.description)
        writer.append(body)
        return writer.bytes
    }
}

package import Messages
private import Sodium

/// The tags of messages between a gateway and a node (docs/protocol.md §3): 32 bytes each.
package enum Tags {
    package static let size = MAC.size

    /// The tag of an order: the ticket's, made for one node. Where another gateway than the order's owner has taken the
    /// execution over, it says so under the tag.
    package static func order(
        ticket: [UInt8], node: NodeName, enrolment: UInt64, adopted: WireAdopted? = nil, keys: NodeKeys
    ) -> [UInt8] {
        MAC.tag(covered(ticket: ticket, node, enrolment, adopted), key: keys.ticket)
    }

    package static func isValidOrder(
        _ tag: [UInt8], ticket: [UInt8], node: NodeName, enrolment: UInt64, adopted: WireAdopted? = nil, keys: NodeKeys
    ) -> Bool {
        MAC.isValid(tag, covered(ticket: ticket, node, enrolment, adopted), key: keys.ticket)
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

    /// The tag of a message between two gateways, under `PeerKey`.
    package static func peer(
        header: [UInt8], from sender: Principal, to receiver: Principal, body: [UInt8], key: PeerKey
    ) -> [UInt8] {
        MAC.tag(covered(header: header, sender, receiver, body), key: key.bytes)
    }

    package static func isValidPeer(
        _ tag: [UInt8], header: [UInt8], from sender: Principal, to receiver: Principal, body: [UInt8], key: PeerKey
    ) -> Bool {
        MAC.isValid(tag, covered(header: header, sender, receiver, body), key: key.bytes)
    }

    private static func covered(
        header: [UInt8], _ sender: Principal, _ receiver: Principal, _ body: [UInt8]
    ) -> [UInt8] {
        var writer = ByteWriter(capacity: header.count + 130 + body.count)
        writer.append(header)
        writer.short(sender.description)
        writer.short(receiver.description)
        writer.append(body)
        return writer.bytes
    }

    private static func covered(
        ticket: [UInt8], _ node: NodeName, _ enrolment: UInt64, _ adopted: WireAdopted?
    ) -> [UInt8] {
        var writer = ByteWriter(capacity: ticket.count + 150)
        writer.append(ticket)
        writer.short(node.description)
        writer.u64(enrolment)
        if let adopted {
            writer.short(adopted.owner)
            writer.u64(adopted.term)
        }
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

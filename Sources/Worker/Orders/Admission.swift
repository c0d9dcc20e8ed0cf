package import Bus
package import Messages
import SwiftProtobuf

/// Whether a delivery is what its gateway vouches for, and for this node and this hour. Looks at nothing but its arguments.
package struct Admission: Sendable {
    /// How far an order's time may lie off the owner's as this node knows it.
    static let toleranceMilliseconds: Int64 = 60_000

    package enum Verdict: Sendable {
        case admitted(Admitted)
        case refused(Failure)
        /// No gateway has said its time yet; the order comes again, and its time before it.
        case tooEarly
    }

    package struct Admitted: Sendable {
        package var order: WireOrder
        package var bytes: [UInt8]
        package var ticket: Ticket
        /// Where another gateway than the order's owner has taken the execution over.
        package var adopted: Ownership?
    }

    let node: NodeName
    let enrolment: UInt64
    let keys: NodeKeys

    package init(node: NodeName, enrolment: UInt64, keys: NodeKeys) {
        (self.node, self.enrolment, self.keys) = (node, enrolment, keys)
    }

    /// `ownerMilliseconds` is by the clock of the sender: no order is admitted whose owner, under the ticket's hash or the
    /// tag, is another.
    package func judge(_ message: Link.Incoming, ownerMilliseconds: Int64?) -> Verdict {
        guard let delivery = try? WireDelivery(serializedBytes: message.body),
            let ticket = Ticket.open(
                [UInt8](delivery.ticket), tag: message.tag, order: [UInt8](delivery.order),
                adopted: delivery.hasAdopted ? delivery.adopted : nil, node: node, enrolment: enrolment, keys: keys)
        else {
            return .refused(
                Failure(.badTicket, "\(node) does not believe this order's ticket; do the authority's keys agree?"))
        }
        guard let order = try? WireOrder(serializedBytes: delivery.order),
            ticket.execution == message.header.execution, order.execution.elementsEqual(ticket.execution.bytes),
            order.user == ticket.user, order.uid == ticket.uid, isMeant(by: order),
            (delivery.hasAdopted ? delivery.adopted.owner : order.owner) == message.sender?.description
        else {
            return .refused(Failure(.badTicket, "the order for \(node) is not the one its ticket was made for"))
        }
        guard let now = ownerMilliseconds else { return .tooEarly }
        if now > ticket.acceptByMilliseconds {
            let late = (now - ticket.acceptByMilliseconds) / 1000
            return .refused(Failure(.expiredTicket, "the order reached \(node) \(late) s too late"))
        }
        if ticket.issuedMilliseconds > now + Self.toleranceMilliseconds {
            let early = (ticket.issuedMilliseconds - now) / 1000
            return .refused(Failure(.notYet, "the order for \(node) is dated \(early) s ahead"))
        }
        return .admitted(
            Admitted(
                order: order, bytes: [UInt8](delivery.order), ticket: ticket,
                adopted: delivery.hasAdopted ? Ownership(delivery.adopted) : nil))
    }

    /// The tag has the node's name; an order that names nodes besides is for these alone.
    private func isMeant(by order: WireOrder) -> Bool {
        order.nodes.isEmpty || order.nodes.contains(node.description)
    }
}

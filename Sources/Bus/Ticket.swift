package import Messages
private import Sodium

/// Who an order is for, as the authority vouches (docs/protocol.md §4); its tag is `Tags.order`, one per node.
package struct Ticket: Sendable, Hashable {
    /// From `issued` to `acceptBy`: it bounds the acknowledgement of this delivery, not the transfer.
    package static let lifeMilliseconds: Int64 = 60_000
    private static let version: UInt8 = 1
    private static let type: UInt8 = 2

    package var keyID: UInt16
    package var uid: UInt32
    package var issuedMilliseconds: Int64
    package var acceptByMilliseconds: Int64
    package var execution: ExecutionID
    /// 16 bytes.
    package var session: [UInt8]
    /// BLAKE2b-256 of the order's bytes.
    package var orderHash: [UInt8]
    /// 1-255 bytes of UTF-8.
    package var user: String

    package init(
        keyID: UInt16 = 1, uid: UInt32, user: String, execution: ExecutionID, session: [UInt8], order: [UInt8],
        issuedMilliseconds: Int64
    ) {
        precondition(session.count == 16 && (1...255).contains(user.utf8.count))
        self.keyID = keyID
        self.uid = uid
        self.user = user
        self.execution = execution
        self.session = session
        self.issuedMilliseconds = issuedMilliseconds
        acceptByMilliseconds = issuedMilliseconds + Self.lifeMilliseconds
        orderHash = Blake2b.hash(order)
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 89 + user.utf8.count)
        writer.u8(Self.version)
        writer.u8(Self.type)
        writer.u16(keyID)
        writer.u32(uid)
        writer.u64(UInt64(bitPattern: issuedMilliseconds))
        writer.u64(UInt64(bitPattern: acceptByMilliseconds))
        writer.append(execution.bytes)
        writer.append(session)
        writer.append(orderHash)
        writer.short(user)
        return writer.bytes
    }

    /// Reads what `bytes` writes and nothing else. Check the tag first.
    package init?(bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard reader.u8() == Self.version, reader.u8() == Self.type else { return nil }
        keyID = reader.u16()
        uid = reader.u32()
        issuedMilliseconds = Int64(bitPattern: reader.u64())
        acceptByMilliseconds = Int64(bitPattern: reader.u64())
        guard let execution = ExecutionID(bytes: reader.take(16)) else { return nil }
        self.execution = execution
        session = reader.take(16)
        orderHash = reader.take(32)
        guard let user = reader.short(), !user.isEmpty, !reader.isShort, reader.remaining == 0 else { return nil }
        self.user = user
        guard self.bytes == bytes else { return nil }
    }

    /// The ticket in a delivery to this node, where the tag is right and it vouches for these very bytes of the order.
    ///
    /// Time is not looked at: the caller knows the gateway's clock.
    package static func open(
        _ bytes: [UInt8], tag: [UInt8], order: [UInt8], adopted: WireAdopted? = nil, node: NodeName, enrolment: UInt64,
        keys: NodeKeys
    ) -> Ticket? {
        guard
            Tags.isValidOrder(
                tag, ticket: bytes, node: node, enrolment: enrolment, adopted: adopted, keys: keys)
        else { return nil }
        guard let ticket = Ticket(bytes: bytes), MAC.isEqual(ticket.orderHash, Blake2b.hash(order)) else { return nil }
        return ticket
    }
}

package import Messages

extension Link {
    /// One message of the commands or bulk lane, as the broker handed it on.
    package struct Incoming: Sendable {
        package let lane: Lane
        /// Index in the list of brokers.
        package let broker: Int
        /// Vouched for by the broker; nil: the broker itself.
        package let sender: Principal?
        package let header: Header
        /// The header as it came, for tags.
        package let headerBytes: [UInt8]
        package let body: [UInt8]
        /// Empty where there was none.
        package let tag: [UInt8]

        package init(
            lane: Lane, broker: Int, sender: Principal?, header: Header, headerBytes: [UInt8], body: [UInt8],
            tag: [UInt8]
        ) {
            self.lane = lane
            self.broker = broker
            self.sender = sender
            self.header = header
            self.headerBytes = headerBytes
            self.body = body
            self.tag = tag
        }
    }

    /// One message of the output lane: the topic, then its frames as they are (a slice: header and records).
    package struct Output: Sendable {
        package let broker: Int
        package let topic: [UInt8]
        package let parts: [[UInt8]]
    }

    package enum Event: Sendable {
        /// Said hello and was welcomed; another `instance` is another start of the broker.
        case connected(broker: Int, instance: UInt64)
        /// Silent for 5 s; the sockets are made anew and tried on.
        case lost(broker: Int)
        /// The broker does not take this peer: `duplicate` or `version`. It goes on asking.
        case refused(broker: Int, Failure)
        /// Output is from now on received by this broker: what was published meanwhile must be asked for.
        case following(broker: Int)
        case message(Incoming)
        /// A gateway's heartbeat: what `RosterDigest` gives over the nodes that are present there.
        case beat(broker: Int, digest: UInt64)
        case output(Output)
        /// Somebody (`isWanted`) or nobody any more listens at this broker to topics that begin so.
        case interest(broker: Int, prefix: [UInt8], isWanted: Bool)
    }
}

package import Messages
package import ZeroMQ

/// A process's end of the bus: worker or gateway, connected to every broker of its list.
///
/// Lives on a `PollLoop` and is touched by its thread only. What is sent to a broker that is away, or into a full queue,
/// is dropped: every caller repeats until it is answered. Events come in arrays, all of one pass together.
package final class Link {
    /// Which ports it uses: a gateway's DEALERs, SUB and XPUB, or a worker's DEALERs and XPUB.
    package enum Role: Sendable { case node, gateway }
    package enum Lane: Sendable, Hashable { case commands, bulk }

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
    }

    /// One message of the output lane: the topic, then its frames as they are (a slice: header and records).
    package struct Output: Sendable {
        package let broker: Int
        package let topic: [UInt8]
        package let parts: [[UInt8]]
    }

    package enum Event: Sendable {
        /// Said hello and was welcomed; `instance` differs after a broker's restart.
        case connected(broker: Int, instance: UInt64)
        /// Silent for 5 s; the sockets are made anew and tried on.
        case lost(broker: Int)
        /// The broker does not take this peer: `duplicate` or `version`. It goes on asking.
        case refused(broker: Int, Failure)
        /// Output is from now on received by this broker: what was published meanwhile must be asked for.
        case following(broker: Int)
        case message(Incoming)
        case output(Output)
        /// Somebody (`isWanted`) or nobody any more listens at this broker to topics that begin so.
        case interest(broker: Int, prefix: [UInt8], isWanted: Bool)
    }

    package init(
        _ role: Role, brokers: [BrokerAddress], keys: KeyPair, hello: WireHello, on loop: PollLoop,
        receive: @escaping ([Event]) -> Void
    ) throws(ZeroMQError) {}

    /// Says hello again at every broker, with these words.
    package func setHello(_ hello: WireHello) {}

    /// The brokers that are connected now, by their index.
    package var connected: [Int] { [] }

    /// Sends to `peer`, nil being the broker itself, through `via` or the first broker that is connected.
    ///
    /// False where nothing is connected or the queue is full: it is dropped. The bulk lane opens by the first use and
    /// then answers true, though its first message may be lost while it opens; a gateway's is always open.
    @discardableResult
    package func send(
        _ lane: Lane = .commands, to peer: Principal?, _ header: Header, body: [UInt8] = [], tag: [UInt8] = [],
        via broker: Int? = nil
    ) -> Bool { false }

    /// Sends one body to many nodes, each with its own tag of 32 bytes; the answer is one `absent` for all not there.
    @discardableResult
    package func fanOut(
        _ header: Header, body: [UInt8], to nodes: [(node: NodeName, tag: [UInt8])], via broker: Int? = nil
    ) -> Bool { false }

    /// Publishes to every broker; each sends on only what somebody there listens to.
    package func publish(_ topic: Topic, _ parts: [[UInt8]]) {}

    /// Publishes through one broker: its answer says whether its queue (32 messages) had room.
    @discardableResult
    package func publish(_ topic: [UInt8], _ parts: [[UInt8]], via broker: Int) -> Bool { false }

    /// Gateways: the topic prefixes to follow, in full; `presence/` is followed at every broker anyway.
    ///
    /// Followed at one broker at a time; the lease is repeated every 5 s, and after a switch `following` is told.
    package func follow(_ prefixes: [String]) {}

    /// Closes all sockets; no event comes after it.
    package func close() {}
}

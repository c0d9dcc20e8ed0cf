import Messages

/// What the core wants sent; the bus thread makes tickets, tags and bytes of it.
enum Outgoing: Sendable {
    /// What every delivery of an execution's order has in common.
    struct Order: Sendable {
        let execution: ExecutionID
        let user: String
        let uid: UInt32
        let session: [UInt8]
        let bytes: [UInt8]
        /// Where this gateway has taken it over from the order's owner.
        var adopted: WireAdopted?
    }

    case deliver(Order, [NodeName])
    case stop(ExecutionID, [NodeName], StopWish)
    case reported(ExecutionID, NodeName, sequence: UInt64)
    case taken(ExecutionID, NodeName, spool: UInt64, position: UInt64, window: UInt64)
    case copied(ExecutionID, NodeName, spool: UInt64, position: UInt64)
    case replay(ExecutionID, NodeName, spool: UInt64, from: UInt64, to: UInt64)
    case clock([NodeName])
    /// The execution belongs to this gateway from now on.
    case adopted(ExecutionID, NodeName, WireAdopted)
    case removeService([NodeName], name: String, user: String)
    case event(Topic, WireEvent)
    /// The answer to the chunk requests of some nodes, by the broker that brought them; `sent` is called once it has been
    /// handed on or dropped.
    case bulk(Header, [NodeName], body: [UInt8], broker: Int, sent: @Sendable () -> Void)
    /// All keys of users that stand here; every broker is told, and told again when it comes back.
    case grants(WireGrants)
    /// All sessions that stand revoked here; every node is told, and told again when it comes back.
    case revocations(WireRevocations)
    /// What somebody looks at has changed.
    case follow
    /// To another gateway, its tag made already.
    case peer(PeerMessage)
}

/// What came over the bus for the executions, its tags checked.
enum Incoming: Sendable {
    case arrived(NodeName)
    case departed(NodeName, sinceMilliseconds: Int64)
    case absent(ExecutionID, [NodeName])
    case reported(ExecutionID, NodeName, Dispatcher.Report)
    /// The node knows that the execution belongs to this gateway.
    case adoptedTaken(ExecutionID, NodeName)
    /// From the copier: so much of the runs is in the log and on the disk.
    case copied([(key: RunKey, position: UInt64)])
    /// From the copier: every run has ended and its output is in the log, which ends at `offset`.
    case ended(ExecutionID, offset: UInt64)
    /// From the copier: and all of it is on the disk.
    case complete(ExecutionID)
}

/// What came over the bus for the logs.
enum Arrival: Sendable {
    /// A slice of the output lane; its MAC is not checked yet.
    case slice(topic: [UInt8], header: [UInt8], records: [UInt8])
    /// A slice of the bulk lane: header and records in one.
    case range(ExecutionID, NodeName, [UInt8])
    case replayed(ExecutionID, NodeName, WireReplayed)
    case arrived(NodeName)
    case departed(NodeName)
    case following
}

import Messages

/// A run's name: an execution and the number of the node in its list.
struct RunKey: Hashable, Sendable {
    let execution: ExecutionID
    let run: Int
}

/// A wish that a run be stopped; it stands until the run has ended.
struct StopWish: Hashable, Sendable {
    var graceMilliseconds: UInt64
    var user: String
}

/// What the owner knows of one run.
struct Run: Hashable, Sendable {
    let node: NodeName
    var state: RunState = .waiting
    /// Of the newest report taken; 0 before the first.
    var sequence: UInt64 = 0
    /// Unix milliseconds since which the state stands.
    var since: Int64
    /// 0 before the node has said it.
    var spool: UInt64 = 0
    var finalLength: UInt64?
    var leftOver: UInt32 = 0
    var remaining: UInt32?
    /// A note on a state that is no refusal.
    var note: Failure?
    var stop: StopWish?
    /// The order may have reached the node: it was sent, and no broker has said that it could not be handed on.
    var wasSent = false

    /// The worker has said that the order is on its disk, or has refused it.
    var isAcknowledged: Bool { sequence > 0 }
}

/// What an execution was asked to be; nothing of it changes once it is accepted.
struct ExecutionHead: Hashable, Sendable {
    let id: ExecutionID
    let submission: ExecutionID
    let user: String
    let uid: UInt32
    let session: [UInt8]
    let kind: String
    /// The command as people read it; nil where there is none.
    let command: String?
    let createdMilliseconds: Int64
    /// Until when the order is offered to a node that has not taken it, Unix milliseconds.
    let deadlineMilliseconds: Int64
    let nodes: [NodeName]
    let files: [File]
    let graceMilliseconds: UInt64
    let log: UInt64

    struct File: Hashable, Sendable, Codable {
        let name: String
        let folder: String
        var size: UInt64
        /// Empty where something kept is put back.
        var blob: String
        var profile: String?
        var isTree: Bool?
    }
}

/// An execution whose runs have not all ended, or whose output is not all here.
struct Execution: Sendable {
    let head: ExecutionHead
    var runs: [Run]
    private let numbers: [NodeName: Int]

    init(_ head: ExecutionHead) {
        self.init(head, runs: head.nodes.map { Run(node: $0, since: head.createdMilliseconds) })
    }

    init(_ head: ExecutionHead, runs: [Run]) {
        self.head = head
        self.runs = runs
        numbers = Dictionary(zip(head.nodes, 0...), uniquingKeysWith: { first, _ in first })
    }

    /// The run number of a node.
    func number(of node: NodeName) -> Int? { numbers[node] }

    var isSettled: Bool { runs.allSatisfy(\.state.isTerminal) }
}

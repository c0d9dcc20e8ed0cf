package import Messages

/// A run's name: an execution and the number of the node in its list.
package struct RunKey: Hashable, Sendable, Comparable {
    package let execution: ExecutionID
    package let run: Int

    package init(execution: ExecutionID, run: Int) {
        self.execution = execution
        self.run = run
    }

    package static func < (left: RunKey, right: RunKey) -> Bool {
        (left.execution, left.run) < (right.execution, right.run)
    }
}

/// A wish that a run be stopped; it stands until the run has ended.
package struct StopWish: Hashable, Sendable {
    /// In place of a user, whose name it cannot be: the run's login session was revoked.
    static let revocation = "the revocation of its session"

    package var graceMilliseconds: UInt64
    package var user: String

    package init(graceMilliseconds: UInt64, user: String) {
        self.graceMilliseconds = graceMilliseconds
        self.user = user
    }

    /// Why a run was cancelled, `before` something came about.
    func note(before: String) -> Failure {
        user == Self.revocation
            ? Failure(.revoked, "Its login session was revoked before \(before).")
            : Failure(.cancelled, "Stopped by \(user) before \(before).")
    }
}

/// What the owner knows of one run.
package struct Run: Hashable, Sendable {
    package let node: NodeName
    package var state: RunState = .waiting
    /// Of the newest report taken; 0 before the first.
    package var sequence: UInt64 = 0
    /// Unix milliseconds since which the state stands.
    package var since: Int64
    /// 0 before the node has said it.
    package var spool: UInt64 = 0
    package var finalLength: UInt64?
    var leftOver: UInt32 = 0
    package var remaining: UInt32?
    /// A note on a state that is no refusal.
    var note: Failure?
    package var stop: StopWish?
    /// The order may have reached the node: it was sent, and no broker has said that it could not be handed on.
    package var wasSent = false

    /// The worker has said that the order is on its disk, or has refused it.
    package var isAcknowledged: Bool { sequence > 0 }
}

/// What an execution was asked to be; nothing of it changes once it is accepted.
package struct ExecutionHead: Hashable, Sendable {
    package let id: ExecutionID
    package let submission: ExecutionID
    package let user: String
    package let uid: UInt32
    package let session: [UInt8]
    package let kind: String
    /// The command as people read it; nil where there is none.
    package let command: String?
    package let createdMilliseconds: Int64
    /// Until when the order is offered to a node that has not taken it, Unix milliseconds.
    package let deadlineMilliseconds: Int64
    package let nodes: [NodeName]
    package let files: [File]
    package let graceMilliseconds: UInt64
    package let log: UInt64

    package init(
        id: ExecutionID, submission: ExecutionID, user: String, uid: UInt32, session: [UInt8], kind: String,
        command: String?, createdMilliseconds: Int64, deadlineMilliseconds: Int64, nodes: [NodeName], files: [File],
        graceMilliseconds: UInt64, log: UInt64
    ) {
        self.id = id
        self.submission = submission
        self.user = user
        self.uid = uid
        self.session = session
        self.kind = kind
        self.command = command
        self.createdMilliseconds = createdMilliseconds
        self.deadlineMilliseconds = deadlineMilliseconds
        self.nodes = nodes
        self.files = files
        self.graceMilliseconds = graceMilliseconds
        self.log = log
    }

    package struct File: Hashable, Sendable, Codable {
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
package struct Execution: Sendable {
    package let head: ExecutionHead
    package var runs: [Run]
    private let numbers: [NodeName: Int]

    package init(_ head: ExecutionHead) {
        self.init(head, runs: head.nodes.map { Run(node: $0, since: head.createdMilliseconds) })
    }

    init(_ head: ExecutionHead, runs: [Run]) {
        self.head = head
        self.runs = runs
        numbers = Dictionary(zip(head.nodes, 0...), uniquingKeysWith: { first, _ in first })
    }

    /// The run number of a node.
    package func number(of node: NodeName) -> Int? { numbers[node] }

    var isSettled: Bool { runs.allSatisfy(\.state.isTerminal) }
}

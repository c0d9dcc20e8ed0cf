package import Messages

/// What waits for the journal, and what may be said only once it is on the disk. Decides only.
package struct Pending: Sendable {
    package struct Acknowledgement: Hashable, Sendable {
        package let execution: ExecutionID
        package let node: NodeName
        package let sequence: UInt64
    }

    package private(set) var runs: Set<RunKey> = []
    package private(set) var complete: [ExecutionID] = []
    /// Said once the transaction is on the disk.
    package private(set) var acknowledgements: [Acknowledgement] = []

    /// Nodes that know whom a run belongs to.
    private(set) var told: [(ExecutionID, NodeName)] = []

    package init() {}

    package var isEmpty: Bool { runs.isEmpty && complete.isEmpty && acknowledgements.isEmpty && told.isEmpty }

    package mutating func record(_ run: RunKey) { runs.insert(run) }

    package mutating func complete(_ execution: ExecutionID) { complete.append(execution) }

    package mutating func acknowledge(_ execution: ExecutionID, _ node: NodeName, sequence: UInt64) {
        acknowledgements.append(Acknowledgement(execution: execution, node: node, sequence: sequence))
    }

    mutating func told(_ execution: ExecutionID, _ node: NodeName) { told.append((execution, node)) }

    /// All that is to be written in the next transaction, and said after it.
    package mutating func take() -> Pending {
        defer { self = Pending() }
        return self
    }

    /// The transaction with `taken` could not be written. What is not acknowledged the workers report again.
    package mutating func takeBack(_ taken: Pending) {
        runs.formUnion(taken.runs)
        complete = taken.complete + complete
        told = taken.told + told
    }
}

package import Messages

/// What an order or a stop is to this node: new, known, or of another's id. Decides only: no clock, no socket, no disk.
///
/// An id that was taken once is never new again, so an order starts one run at most.
package struct Intake: Sendable {
    package enum Answer: Equatable, Sendable {
        /// It is new: to be kept on the disk, and then begun.
        case accept
        /// Something is still owed for it: where it stands is said again.
        case repeatState
        /// It is over: its last state is said again, from the disk.
        case repeatLast
        /// Another order is known by this id.
        case conflict
    }

    package enum StopAnswer: Equatable, Sendable {
        case stop
        /// The order has not come: that it was stopped is to be kept on the disk, so that it starts nothing when it comes.
        case cancel
        case repeatLast
    }

    /// How a run that is on the disk goes on after a start of the worker.
    package enum Course: Equatable, Sendable {
        /// Nothing is owed for it.
        case over
        case ended(RunState)
        /// The intent to start is on the disk: never started again.
        case begun
        /// Accepted, and nothing of it begun.
        case fresh
    }

    /// The hash of the order of each run that something is owed for.
    private var live: [ExecutionID: [UInt8]] = [:]
    /// Of each run that is over, until the disk says so (`forget`); empty: cancelled before it came.
    private var over: [ExecutionID: [UInt8]] = [:]

    package init() {}

    package func isLive(_ execution: ExecutionID) -> Bool { live[execution] != nil }

    /// `hash` is of the order's bytes, which its ticket has vouched for; `kept` is what the disk has of a run that is over.
    package mutating func order(
        _ execution: ExecutionID, hash: [UInt8], kept: @autoclosure () -> [UInt8]? = nil
    ) -> Answer {
        if let known = live[execution] { return known == hash ? .repeatState : .conflict }
        if let known = over[execution] ?? kept() { return known.isEmpty || known == hash ? .repeatLast : .conflict }
        live[execution] = hash
        return .accept
    }

    package mutating func stop(_ execution: ExecutionID, kept: @autoclosure () -> [UInt8]? = nil) -> StopAnswer {
        if live[execution] != nil { return .stop }
        if over[execution] ?? kept() != nil { return .repeatLast }
        over[execution] = []
        return .cancel
    }

    /// What seemed new is not to be begun: to be kept on the disk as one that was stopped before it came.
    package mutating func refused(_ execution: ExecutionID) {
        live[execution] = nil
        over[execution] = []
    }

    /// What was accepted or cancelled could not be written: it is new again.
    package mutating func notKept(_ execution: ExecutionID) {
        live[execution] = nil
        if over[execution]?.isEmpty == true { over[execution] = nil }
    }

    /// Nothing is owed for it any more.
    package mutating func settled(_ execution: ExecutionID) {
        if let hash = live.removeValue(forKey: execution) { over[execution] = hash }
    }

    /// What is over is on the disk, or any order of it would come too late: memory need not hold it.
    package mutating func forget(_ execution: ExecutionID) { over[execution] = nil }

    /// Takes up a run that is on the disk; `hash` is empty where it was cancelled before it came.
    package mutating func takeUp(
        _ execution: ExecutionID, hash: [UInt8], isSettled: Bool, isBegun: Bool, last: RunState?
    ) -> Course {
        if isSettled || hash.isEmpty {
            over[execution] = hash
            return .over
        }
        live[execution] = hash
        if let last, last.isTerminal { return .ended(last) }
        return isBegun ? .begun : .fresh
    }

    /// Takes up a run whose order is on the disk and cannot be believed: no order is the same.
    package mutating func takeUpDamaged(_ execution: ExecutionID) { live[execution] = [] }
}

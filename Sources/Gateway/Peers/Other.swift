import Foundation
import Messages

/// An execution of another gateway, as its owner last told.
struct Other: Sendable {
    var owner: Principal
    var number: UInt64
    var execution: Execution
    /// By run, as the owner has it.
    var copied: [UInt64]
    var isComplete = false
    /// With `isComplete`: where the log ends at its owner.
    var logEnd: UInt64 = 0

    init(owner: Principal, number: UInt64, head: ExecutionHead) {
        self.owner = owner
        self.number = number
        execution = Execution(head)
        copied = Array(repeating: 0, count: head.nodes.count)
    }

    var head: ExecutionHead { execution.head }

    /// Takes over what the owner says of a run; false where that is nothing new. Of what is not the end, the node may have
    /// told more meanwhile.
    mutating func take(_ news: WireRunNews) -> Bool {
        let number = Int(news.run)
        guard execution.runs.indices.contains(number), news.report.finalLength <= SliceHeader.greatestPosition,
            news.report.terminal || news.report.sequence >= execution.runs[number].sequence
        else { return false }
        let before = (execution.runs[number], copied[number])
        execution.runs[number].apply(news.report, since: news.sinceMilliseconds)
        copied[number] = max(copied[number], news.copied)
        return before != (execution.runs[number], copied[number])
    }

    /// All there will be is in the owner's log.
    mutating func complete(logEnd: UInt64) {
        isComplete = true
        self.logEnd = logEnd
        for (number, run) in execution.runs.enumerated() { copied[number] = run.finalLength ?? copied[number] }
    }
}

extension ExecutionHead {
    /// Nil for a head that no gateway of this version would tell.
    init?(_ id: ExecutionID, _ wire: WireExecutionHead) {
        guard let submission = ExecutionID(bytes: wire.submission), !wire.user.isEmpty,
            let files = try? JSONDecoder().decode([File].self, from: Data(wire.files.utf8))
        else { return nil }
        let nodes = wire.nodes.compactMap { NodeName($0) }
        guard nodes.count == wire.nodes.count, (1...RequestCheck.maximumNodes).contains(nodes.count) else { return nil }
        self.init(
            id: id, submission: submission, user: wire.user, uid: wire.uid, session: Array(repeating: 0, count: 16),
            kind: wire.kind, command: wire.hasCommand ? wire.command : nil,
            createdMilliseconds: wire.createdMilliseconds,
            deadlineMilliseconds: wire.deadlineMilliseconds, nodes: nodes, files: files,
            graceMilliseconds: wire.graceMilliseconds, log: wire.log)
    }
}

import Messages
import Supervisor

/// A node's run folders in virtual time. What is written has reached the disk, but for a settled mark and a spool.
struct VirtualDisk {
    struct Exit {
        var ending: ExitRecord.Ending
        var finalLength: UInt64
        var leftOver: UInt32
        var remaining: UInt32
    }

    struct Folder {
        /// Nil: stopped before it came.
        var order: (body: WireOrder, hash: [UInt8])?
        /// The spool that the plan names: the intent to start.
        var plan: UInt64?
        /// There is a spool, so nothing is started in this folder again.
        var isBegun = false
        var report: WireReport?
        var exit: Exit?
        var isSettled = false
    }

    var folders: [ExecutionID: Folder] = [:]
    var epoch: UInt64 = 0
    var isFull = false

    /// The last state of a run that is over, as it is read back; without its sequence.
    func last(_ id: ExecutionID) -> WireReport? {
        guard let folder = folders[id] else { return nil }
        if let report = folder.report { return report }
        guard let exit = folder.exit, let spool = folder.plan else { return nil }
        var report = WireReport()
        RunState(exit.ending).fill(&report)
        report.finalLength = exit.finalLength
        report.leftOver = exit.leftOver
        report.remaining = exit.remaining
        report.spool = spool
        return report
    }
}

extension RunState {
    init(_ ending: ExitRecord.Ending) {
        self =
            switch ending {
            case .exited(let code): .exited(code: code)
            case .signalled(let signal): .signalled(signal: signal)
            case .timedOut: .timedOut
            case .outOfMemory: .outOfMemory
            case .tooManyProcesses: .signalled(signal: 9)
            case .stopped: .stopped
            case .failed: .refused(Failure(.internal, "the command never began"))
            }
    }
}

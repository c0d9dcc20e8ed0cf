import Glibc
import Messages
import Placer
import Spool
import Supervisor

/// Starts a run's supervisor: sees to the home, writes the plan (the intent to start), then starts. A chore.
struct StartWork: Sendable {
    let supervisor: String
    let placer: String
    let account: Account
    let home: Placement.Home
    let plan: Plan
    let folder: RunFolder
    /// Raised where the run is to be stopped before it has begun.
    let unwanted: Flag

    /// The supervisor's pid and the line to it.
    func start() -> Result<(pid: pid_t, line: Int32), Failure> {
        do throws(SystemError) {
            if access(home.path, F_OK) != 0 {
                let placement = Placement(account, home: home, target: nil)
                let placed = try PlacerProcess(placer, placement, bytes: nil, note: nil).finish(
                    within: .seconds(60), unless: unwanted.isRaised, cutOff: PlacementWork.endAll)
                if case .failure(let failure) = placed.result { return .failure(failure) }
            }
            if unwanted.isRaised { return .failure(Failure(.cancelled, "stopped before it began")) }
            try plan.write(to: folder)
            return .success(try folder.startSupervisor(supervisor))
        } catch {
            let isFull = error.errno == ENOSPC || error.errno == EDQUOT
            let code: Failure.Code = isFull ? .noSpace : .internal
            return .failure(Failure(code, "\(plan.node) could not start the command: \(error)"))
        }
    }
}

extension Account {
    /// Stands in where only the order's word is left of an account, for sentences.
    static func unknown(_ order: WireOrder) -> Account {
        Account(name: order.user, uid: order.uid, gid: 0, groups: [], home: "", shell: "the login shell")
    }
}

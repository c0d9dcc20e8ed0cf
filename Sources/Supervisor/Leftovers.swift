import Glibc

/// What a supervisor left behind that died without ending its run: for the worker, before it says *interrupted*.
package enum Leftovers {
    /// Kills all of it; returns how many still live after `milliseconds`. Blocks as long, at most.
    ///
    /// By the cgroup where the plan has one, else by the execution and the node in the environment the processes were
    /// given (several nodes may live on one machine).
    package static func kill(of plan: Plan, milliseconds: UInt64 = 2_000) -> Int {
        let end = Moment.now.after(milliseconds: milliseconds)
        while true {
            let living = processes(of: plan)
            if living.isEmpty {
                if !plan.cgroup.isEmpty { try? Cgroup(plan.cgroup).remove() }
                return 0
            }
            if Moment.now >= end { return living.count }
            if plan.cgroup.isEmpty {
                for process in living { Glibc.kill(process, SIGKILL) }
            } else {
                Cgroup(plan.cgroup).killAll()
            }
            usleep(10_000)
        }
    }

    private static func processes(of plan: Plan) -> [Int32] {
        if !plan.cgroup.isEmpty { return Cgroup(plan.cgroup).processes() }
        let marks = ["ESTIBA_EXECUTION=\(plan.execution)", "ESTIBA_NODE=\(plan.node)"].map { Array($0.utf8) }
        return ProcFile.processes().filter { process in
            guard let environment = ProcFile.bytes("/proc/\(process)/environ") else { return false }
            let variables = environment.split(separator: 0)
            guard marks.allSatisfy({ mark in variables.contains { $0.elementsEqual(mark) } }) else { return false }
            return ProcFile.stat(of: process).map { $0.state != "Z" } ?? false
        }
    }
}

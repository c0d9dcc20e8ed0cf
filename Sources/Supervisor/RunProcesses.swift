import Glibc

/// The processes of a run: those of its cgroup, or without one all that descend from the supervisor.
package enum RunProcesses: Hashable, Sendable {
    case cgroup(Cgroup)
    /// `except` is the supervisor's own child that is not of the run.
    case descendants(Descendants)

    /// How many live; a zombie does not. 0 is said only when there are none.
    package func count() -> Int {
        switch self {
        case .cgroup(let cgroup): cgroup.count()
        case .descendants(let descendants): descendants.count()
        }
    }

    /// SIGTERM to each, and SIGCONT so that a stopped one gets it.
    package func terminate() {
        for process in processes() {
            kill(process, SIGTERM)
            kill(process, SIGCONT)
        }
    }

    /// SIGKILL to all, those that are being born too.
    package func killAll() {
        switch self {
        case .cgroup(let cgroup): cgroup.killAll()
        case .descendants(let descendants): descendants.killAll()
        }
    }

    /// What all of them take together.
    func usage() -> RunUsage {
        var usage = RunUsage()
        for process in processes() { usage.add(process) }
        if case .cgroup(let cgroup) = self { usage.wasRefusedForks = cgroup.hasRefusedForks() }
        return usage
    }

    private func processes() -> [Int32] {
        switch self {
        case .cgroup(let cgroup): cgroup.processes()
        case .descendants(let descendants): descendants.processes()
        }
    }
}

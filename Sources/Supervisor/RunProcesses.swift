import Glibc
package import Spool

/// The processes of a run: those of its cgroup, or without one all that descend from the supervisor.
package enum RunProcesses: Hashable, Sendable {
    case cgroup(Cgroup)
    /// `except` is the supervisor's own child that is not of the run.
    case descendants(Descendants)

    /// How many live; a zombie does not.
    package func count() -> Int {
        switch self {
        case .cgroup(let cgroup): cgroup.processes().count
        case .descendants(let descendants): descendants.count()
        }
    }

    /// SIGTERM to each, and SIGCONT so that a stopped one gets it.
    package func terminate() {
        let living =
            switch self {
            case .cgroup(let cgroup): cgroup.processes()
            case .descendants(let descendants): descendants.processes()
            }
        for process in living {
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
}

/// A cgroup of version 2 that holds one run.
package struct Cgroup: Hashable, Sendable {
    package let path: String

    package init(_ path: String) {
        self.path = path
    }

    /// Makes it, and the one above it, and sets the limits whose controllers are there.
    ///
    /// The one above must not be the root of all: nobody has the right to write there, so root without its capabilities
    /// could not remove this one.
    func create(_ limits: Plan.Limits) throws(SystemError) {
        if let slash = path.lastIndex(of: "/") { mkdir(String(path[..<slash]), 0o755) }
        do throws(SystemError) {
            try File.check("mkdir", path) { mkdir(path, 0o755) }
        } catch {
            if error.errno != EEXIST { throw error }
        }
        if limits.memoryBytes > 0 {
            write("\(limits.memoryBytes)", to: "memory.max")
            write("0", to: "memory.swap.max")
            write("1", to: "memory.oom.group")
        }
        if limits.processes > 0 { write("\(limits.processes)", to: "pids.max") }
    }

    /// Takes the calling process in.
    func join() throws(SystemError) {
        try File("\(path)/cgroup.procs", O_WRONLY).write(Array("0".utf8))
    }

    package func processes() -> [Int32] {
        numbers("cgroup.procs")
    }

    /// Whether the kernel ended one of its processes for want of memory.
    func ranOutOfMemory() -> Bool {
        text("memory.events").split(separator: "\n").contains { $0.hasPrefix("oom_kill ") && $0 != "oom_kill 0" }
    }

    package func killAll() {
        if write("1", to: "cgroup.kill") { return }
        // Before Linux 5.14.
        for process in processes() { kill(process, SIGKILL) }
    }

    /// Throws EBUSY while something lives in it.
    package func remove() throws(SystemError) {
        try File.check("rmdir", path) { rmdir(path) }
    }

    @discardableResult
    private func write(_ value: String, to name: String) -> Bool {
        guard let file = try? File("\(path)/\(name)", O_WRONLY) else { return false }
        return (try? file.write(Array(value.utf8))) != nil
    }

    private func numbers(_ name: String) -> [Int32] {
        text(name).split(separator: "\n").compactMap { Int32($0) }
    }

    private func text(_ name: String) -> String {
        ProcFile.text("\(path)/\(name)") ?? ""
    }
}

/// All that descends from a process, found in `/proc`; orphans stay descendants because it is a subreaper.
package struct Descendants: Hashable, Sendable {
    let root: Int32
    /// A child of the root that is not meant, nor what descends from it; 0 for none.
    let except: Int32

    func processes() -> [Int32] {
        var children: [Int32: [Int32]] = [:]
        for process in ProcFile.processes() {
            guard let stat = ProcFile.stat(of: process), stat.state != "Z", stat.state != "X" else { continue }
            children[stat.parent, default: []].append(process)
        }
        var found: [Int32] = []
        var rest = children[root] ?? []
        while let process = rest.popLast() {
            if process == except { continue }
            found.append(process)
            rest += children[process] ?? []
        }
        return found
    }

    /// None only where two looks find none: one that was born between is seen by the second.
    func count() -> Int {
        let first = processes().count
        return first > 0 ? first : processes().count
    }

    /// Stopped first, so that none forks while the others are ended.
    func killAll() {
        let living = processes()
        for process in living { kill(process, SIGSTOP) }
        for process in Set(living).union(processes()) { kill(process, SIGKILL) }
    }
}

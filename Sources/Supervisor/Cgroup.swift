import Glibc
package import Spool

/// A cgroup of version 2 that holds one run.
package struct Cgroup: Hashable, Sendable {
    /// The limits that the kernel itself keeps in it.
    struct Kept: Hashable {
        var memory = false
        var processes = false
    }

    package let path: String

    package init(_ path: String) {
        self.path = path
    }

    /// Makes it, and the one above it, and sets the limits; returns those whose controllers are there.
    ///
    /// The one above must not be the root of all: nobody has the right to write there, so root without its capabilities
    /// could not remove this one.
    func create(_ limits: Plan.Limits) throws(SystemError) -> Kept {
        if let slash = path.lastIndex(of: "/") { mkdir(String(path[..<slash]), 0o755) }
        do throws(SystemError) {
            try File.check("mkdir", path) { mkdir(path, 0o755) }
        } catch {
            if error.errno != EEXIST { throw error }
        }
        var kept = Kept()
        if limits.memoryBytes > 0 {
            kept.memory = write("\(limits.memoryBytes)", to: "memory.max")
            write("0", to: "memory.swap.max")
            write("1", to: "memory.oom.group")
        }
        if limits.processes > 0 { kept.processes = write("\(limits.processes)", to: "pids.max") }
        return kept
    }

    /// Takes the calling process in.
    func join() throws(SystemError) {
        try File("\(path)/cgroup.procs", O_WRONLY).write(Array("0".utf8))
    }

    package func processes() -> [Int32] {
        text("cgroup.procs").split(separator: "\n").compactMap { Int32($0) }
    }

    /// How many live, in groups below it too: of those only whether there are any.
    func count() -> Int {
        let own = processes().count
        return own == 0 && hasLine("cgroup.events", "populated 1") ? 1 : own
    }

    /// Whether the kernel ended one of its processes for want of memory.
    func ranOutOfMemory() -> Bool { isCounted("memory.events", "oom_kill ") }

    /// Whether a fork failed at the limit of processes.
    func hasRefusedForks() -> Bool { isCounted("pids.events", "max ") }

    package func killAll() {
        if write("1", to: "cgroup.kill") { return }
        killEach()
    }

    /// Before Linux 5.14: frozen first, so that none forks while the others are ended; a frozen one can be killed.
    func killEach() {
        write("1", to: "cgroup.freeze")
        for process in processes() { kill(process, SIGKILL) }
        write("0", to: "cgroup.freeze")
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

    private func isCounted(_ file: String, _ name: String) -> Bool {
        text(file).split(separator: "\n").contains { $0.hasPrefix(name) && $0.dropFirst(name.count) != "0" }
    }

    private func hasLine(_ file: String, _ line: String) -> Bool {
        text(file).split(separator: "\n").contains { $0 == line }
    }

    private func text(_ name: String) -> String {
        ProcFile.text("\(path)/\(name)") ?? ""
    }
}

/// What the processes of a run take together.
struct RunUsage: Hashable {
    /// Memory of their own, in the swap too, and the largest share that one of them has of what is shared. Pages that are
    /// one since a fork count in each process.
    private(set) var ownBytes: UInt64 = 0
    private(set) var sharedBytes: UInt64 = 0
    /// Processes with their threads, as the kernel's own limits count them.
    private(set) var tasks = 0
    /// The cgroup's own limit of processes was met.
    var wasRefusedForks = false

    var memoryBytes: UInt64 { ownBytes + sharedBytes }

    mutating func add(_ process: Int32) {
        let status = ProcFile.status(of: process, ["Threads", "RssAnon", "VmSwap", "RssShmem"])
        add(
            tasks: Int(status["Threads"] ?? 0), ownBytes: ((status["RssAnon"] ?? 0) + (status["VmSwap"] ?? 0)) << 10,
            sharedBytes: (status["RssShmem"] ?? 0) << 10)
    }

    mutating func add(tasks: Int, ownBytes: UInt64 = 0, sharedBytes: UInt64 = 0) {
        self.tasks += tasks
        self.ownBytes += ownBytes
        self.sharedBytes = max(self.sharedBytes, sharedBytes)
    }

    /// How many processes and threads a user has on this machine: what RLIMIT_NPROC counts.
    static func tasks(of uid: UInt32) -> UInt64 {
        ProcFile.processes().reduce(0) { sum, process in
            let status = ProcFile.status(of: process, ["Uid", "Threads"])
            return status["Uid"] == UInt64(uid) ? sum + (status["Threads"] ?? 1) : sum
        }
    }
}

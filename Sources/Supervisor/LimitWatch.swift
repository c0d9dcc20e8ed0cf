/// Whether a run keeps its limits of memory and processes, where the kernel does not see to it alone, and when to look
/// again. Decides only.
struct LimitWatch {
    /// 0: none, or the kernel keeps it.
    private let memoryBytes: UInt64
    private let tasks: UInt32
    /// When usage is to be judged next.
    private(set) var due: Moment

    private static let shortestMilliseconds: UInt64 = 10
    private static let longestMilliseconds: UInt64 = 250
    /// Between two looks at the number of processes: a storm makes some thousands of them in a second.
    private static let tasksMilliseconds: UInt64 = 50
    /// As fast as a machine of today fills memory: 4 GiB a second.
    private static let bytesPerMillisecond: UInt64 = 4 << 20
    /// A look may take one part in so many of the time.
    private static let thrift: UInt64 = 10

    /// Nil where there is nothing to watch. What the cgroup refuses is watched too: the run is ended for it.
    init?(_ limits: Plan.Limits, kept: Cgroup.Kept, at now: Moment) {
        memoryBytes = kept.memory ? 0 : limits.memoryBytes
        tasks = limits.processes
        due = now
        if memoryBytes == 0 && tasks == 0 { return nil }
    }

    /// The end of a run that takes this, if that is beyond a limit. `begun` is when the look at it began.
    mutating func judge(_ usage: RunUsage, begun: Moment, at now: Moment) -> ExitRecord.Ending? {
        // First, because a storm's memory is that of its processes.
        if tasks > 0, usage.wasRefusedForks || usage.tasks > Int(tasks) { return .tooManyProcesses }
        if memoryBytes > 0, usage.memoryBytes > memoryBytes { return .outOfMemory }
        var pause = Self.longestMilliseconds
        if memoryBytes > 0 { pause = min(pause, (memoryBytes - usage.memoryBytes) / Self.bytesPerMillisecond) }
        if tasks > 0 { pause = min(pause, Self.tasksMilliseconds) }
        let spent = (now.nanoseconds - begun.nanoseconds) / 1_000_000
        due = now.after(milliseconds: max(pause, Self.shortestMilliseconds, spent * Self.thrift))
        return nil
    }
}

/// What the kernel holds each process of a run to where no cgroup does, by setrlimit(2).
///
/// Well above the limit itself, which the watch keeps by ending the run: a program that is refused memory or a fork ends
/// in whatever way it likes, and nobody would know why.
struct LimitEdges: Hashable {
    private(set) var dataBytes: UInt64?
    private(set) var userTasks: UInt64?

    private static let spareBytes: UInt64 = 16 << 30
    /// What a storm may make between two looks, and the user elsewhere while this run goes on.
    private static let spareTasks: UInt64 = 4096

    /// `running` gives how many processes and threads the user has now: other runs, and logins, go on beside this one.
    init(_ limits: Plan.Limits, kept: Cgroup.Kept, running: () -> UInt64) {
        if limits.memoryBytes > 0, !kept.memory {
            let (edge, isBeyond) = limits.memoryBytes.addingReportingOverflow(Self.spareBytes)
            dataBytes = isBeyond ? .max : edge
        }
        if limits.processes > 0, !kept.processes {
            userTasks = running() + UInt64(limits.processes) + Self.spareTasks
        }
    }
}

import Glibc
import Messages
import SwiftProtobuf

/// Looks at every process of /proc, now and then, for the busiest ten.
///
/// A scan reads one file a process, without a `String` or a `File` for each: on a machine with thousands of processes it is
/// most of the cost of a figure. `Pace` keeps it under half a percent of a core.
struct ProcessScan: ~Copyable {
    /// When to scan again: the dearer a scan, the rarer.
    struct Pace: Equatable {
        static let share = 200

        private(set) var due: ContinuousClock.Instant?

        func isDue(at now: ContinuousClock.Instant) -> Bool { due.map { now >= $0 } ?? true }

        /// Half a period early is in time: ticks do not come to the millisecond.
        mutating func scanned(at now: ContinuousClock.Instant, cost: Duration) {
            due = now + cost * Self.share - .milliseconds(250)
        }
    }

    private var busiest = Busiest()
    private var pace = Pace()
    private var last: ContinuousClock.Instant?
    private var shown: [WireStatus.Process] = []
    private var buffer = [UInt8](repeating: 0, count: 1024)
    private var path: [CChar] = []
    private var users = UserNames()
    private let ticksPerSecond = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    private let pageBytes = UInt64(clamping: sysconf(Int32(_SC_PAGESIZE)))

    /// The busiest as of the newest scan; empty before the second.
    mutating func read(memoryTotal: UInt64) -> [WireStatus.Process] {
        let now = ContinuousClock.now
        guard pace.isDue(at: now) else { return shown }
        let began = Self.threadTime()
        scan()
        let entries = busiest.finish()
        if let last {
            let seconds = Double((now - last).milliseconds) / 1000
            shown = entries.map { process($0, seconds: seconds, memoryTotal: memoryTotal) }
        }
        // The first one is only there to compare the second with.
        if last != nil { pace.scanned(at: now, cost: Self.threadTime() - began) }
        last = now
        return shown
    }

    private mutating func scan() {
        guard let folder = opendir("/proc") else { return }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let pid = withUnsafeBytes(of: &entry.pointee.d_name) { name -> Int32? in
                guard let first = name.first, first >= UInt8(ascii: "1"), first <= UInt8(ascii: "9") else { return nil }
                path.removeAll(keepingCapacity: true)
                path.append(contentsOf: Self.proc)
                var pid: Int32 = 0
                for byte in name.prefix(while: { $0 != 0 }) {
                    path.append(CChar(bitPattern: byte))
                    pid = pid &* 10 &+ Int32(byte &- UInt8(ascii: "0"))
                }
                path.append(contentsOf: Self.stat)
                return pid
            }
            guard let pid, let times = times() else { continue }
            busiest.take(pid, times)
        }
    }

    private static let proc = "/proc/".utf8.map { CChar(bitPattern: $0) }
    private static let stat = "/stat".utf8.map { CChar(bitPattern: $0) } + [0]

    /// Of the process at `path`; nil where it has ended meanwhile.
    private mutating func times() -> ProcessTimes? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        return count > 0 ? ProcessTimes(buffer[..<count]) : nil
    }

    private mutating func process(
        _ entry: Busiest.Entry, seconds: Double, memoryTotal: UInt64
    ) -> WireStatus.Process {
        let user = Self.owner(of: entry.pid).map { users.name(of: $0) } ?? ""
        return .with {
            $0.pid = UInt32(bitPattern: entry.pid)
            $0.name = String(decoding: entry.name, as: UTF8.self)
            $0.user = user
            $0.cpuPercent = seconds > 0 ? 100 * Double(entry.ticks) / ticksPerSecond / seconds : 0
            $0.memoryPercent = memoryTotal > 0 ? 100 * Double(entry.pages &* pageBytes) / Double(memoryTotal) : 0
        }
    }

    /// The effective uid by /proc/PID/status: the folder's owner is root for a process that may not be dumped.
    private static func owner(of pid: Int32) -> UInt32? {
        var words = Words(SystemFile.once("/proc/\(pid)/status") ?? [])
        while var line = words.line(), let name = line.text() {
            guard name == "Uid:" else { continue }
            line.skip(1)
            return line.number().map { UInt32(clamping: $0) }
        }
        return nil
    }

    /// What this thread has used of the processor.
    private static func threadTime() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}

/// Names of users by their number, each asked for once; without a name it is the number.
private struct UserNames {
    private static let most = 1000
    private var known: [UInt32: String] = [:]

    mutating func name(of uid: UInt32) -> String {
        if let name = known[uid] { return name }
        if known.count >= Self.most { known = [:] }
        let name = Account.name(of: uid) ?? "\(uid)"
        known[uid] = name
        return name
    }
}

import Glibc
import Messages
import Spool
import SwiftProtobuf

/// A node's figures (docs/protocol.md §12): read from /proc and /sys, no process started.
///
/// Rates are those since the reading before, so the first has none. What cannot be read is left out. It may wait for the
/// account directory: not for the loop.
struct Measure: ~Copyable {
    struct Choice: Sendable {
        /// Nil: the one with the default route.
        var interface: String?
        /// The operator's own figures.
        var file: String?
        var showsProcesses = true
    }

    /// What seldom changes, disks and addresses, is looked at this often.
    private static let slowPeriod = Duration.seconds(5)

    private struct Rates {
        var at: ContinuousClock.Instant
        var cpu: CPUTimes?
        var network: NetworkCounters?
        var disks: DiskCounters?
        var containerMicroseconds: UInt64?
    }

    private let choice: Choice
    private var stat = SystemFile("/proc/stat")
    private var meminfo = SystemFile("/proc/meminfo")
    private var network = SystemFile("/proc/net/dev")
    private var diskstats = SystemFile("/proc/diskstats")
    private var loads = SystemFile("/proc/loadavg")
    private var uptime = SystemFile("/proc/uptime")
    private var processes = ProcessScan()
    private var container = Container()
    private var slow = SlowFigures()
    private var slowAt: ContinuousClock.Instant?
    private var before: Rates?

    init(_ choice: Choice) { self.choice = choice }

    /// All there is to say now, but for the clock's offset and the runs.
    mutating func read() -> WireStatus {
        let now = ContinuousClock.now
        if slowAt.map({ now - $0 >= Self.slowPeriod }) ?? true {
            slow = SlowFigures.read(interface: choice.interface)
            slowAt = now
        }
        var status = WireStatus()
        status.timeMilliseconds = WallClock.milliseconds
        slow.fill(&status)
        if let memory = meminfo.read().flatMap(MemoryFigures.read) {
            status.memory = container.limit().map { MemoryFigures.bound(memory, by: $0) } ?? memory
        }
        readSingles(&status)
        readRates(&status, at: now)
        if choice.showsProcesses { status.busiest = processes.read(memoryTotal: status.memory.total) }
        if let file = choice.file { status.own = OwnFigures.read(SystemFile.once(file, limit: 16 << 10) ?? []) }
        return status
    }

    private mutating func readSingles(_ status: inout WireStatus) {
        if var words = loads.read().map(Words.init) {
            let load = (0..<3).compactMap { _ in words.decimal() }
            if load.count == 3 { status.load = load }
        }
        if var words = uptime.read().map(Words.init), let seconds = words.number() { status.uptimeSeconds = seconds }
        if let celsius = Temperature.celsius(slow.sensors.compactMap { SystemFile.once($0, limit: 32) }) {
            status.temperatureCelsius = celsius
        }
    }

    private mutating func readRates(_ status: inout WireStatus, at now: ContinuousClock.Instant) {
        let rates = Rates(
            at: now, cpu: stat.read().map(CPUTimes.init),
            network: slow.interface.flatMap { name in network.read().flatMap { NetworkCounters($0, of: name) } },
            disks: diskstats.read().flatMap { DiskCounters($0, blocks: slow.blocks) },
            containerMicroseconds: container.usedMicroseconds())
        defer { before = rates }
        guard let old = before else { return }
        let seconds = Double((now - old.at).milliseconds) / 1000
        if let cpu = rates.cpu, let before = old.cpu {
            let percent = cpu.percent(since: before)
            if let all = percent.all { status.cpuPercent = all }
            status.corePercent = percent.cores
        }
        if let used = rates.containerMicroseconds, let before = old.containerMicroseconds, let cores = container.cores {
            status.cpuPercent = min(100, growth(used, since: before, seconds: seconds) / 10_000 / cores)
        }
        if let name = slow.interface, let network = rates.network, let before = old.network {
            status.network = .with {
                $0.interface = name
                $0.receivedBytes = network.received
                $0.sentBytes = network.sent
                $0.receivedBytesPerSecond = growth(network.received, since: before.received, seconds: seconds)
                $0.sentBytesPerSecond = growth(network.sent, since: before.sent, seconds: seconds)
            }
        }
        if let disks = rates.disks, let before = old.disks {
            status.diskReadBytesPerSecond = growth(disks.read, since: before.read, seconds: seconds)
            status.diskWriteBytesPerSecond = growth(disks.written, since: before.written, seconds: seconds)
        }
    }
}

import Messages

/// A node's figures as the API shows them (docs/protocol.md §12); what is not known is left out.
///
/// A node may say what it likes: numbers that are none are left out, texts and lists cut.
struct StatusView: Encodable, Sendable, Equatable {
    static let mostCores = 4096
    static let mostOthers = 64
    static let longestText = 256

    struct Memory: Encodable, Sendable, Equatable {
        var total, free, available, buffers, cached, swapTotal, swapFree: UInt64
    }

    struct Network: Encodable, Sendable, Equatable {
        var interface: String
        var receivedPerSecond, sentPerSecond: Double?
        var received, sent: UInt64
    }

    struct Process: Encodable, Sendable, Equatable {
        var pid: UInt32
        var name, user: String
        var cpu, memory: Double?
    }

    struct Disk: Encodable, Sendable, Equatable {
        var path: String
        var total, free: UInt64
    }

    /// Of the worker: run folders, the files kept for later deployments, its disk. Bytes, and seconds.
    struct Storage: Encodable, Sendable, Equatable {
        var runFolders, remembered: UInt32
        var cache, cacheLimit, free, needed: UInt64
        var runsKept, unownedRunsKept: UInt64
    }

    var node: String
    /// Unix milliseconds by the node's own clock.
    var time: Int64
    var hostname, kernel: String?
    var addresses: [String]?
    var uptime: UInt64?
    var load: [Double]?
    var memory: Memory?
    var cpu: Double?
    var cores: [Double]?
    var temperature: Double?
    var network: Network?
    var busiest: [Process]?
    var disks: [Disk]?
    var diskReadPerSecond, diskWritePerSecond: Double?
    var own: [String: String]?
    var offset: Int64
    var runs: UInt32
    var storage: Storage?

    init(_ node: NodeName, _ status: WireStatus) {
        self.node = node.description
        time = status.timeMilliseconds
        hostname = Self.text(status.hostname)
        kernel = Self.text(status.kernel)
        addresses = Self.list(status.addresses.compactMap(Self.text))
        uptime = status.hasUptimeSeconds ? status.uptimeSeconds : nil
        load = status.load.count == 3 ? Self.list(status.load.compactMap(Self.hundredths)) : nil
        if status.hasMemory, status.memory.total > 0 { memory = Memory(status.memory) }
        cpu = status.hasCpuPercent ? Self.tenths(status.cpuPercent) : nil
        cores = Self.list(status.corePercent.map { Self.tenths($0) ?? 0 }, most: Self.mostCores)
        temperature = status.hasTemperatureCelsius ? Self.tenths(status.temperatureCelsius) : nil
        if status.hasNetwork { network = Network(status.network) }
        busiest = Self.list(status.busiest.map(Process.init))
        disks = Self.list(status.disks.map(Disk.init))
        diskReadPerSecond = status.hasDiskReadBytesPerSecond ? Self.whole(status.diskReadBytesPerSecond) : nil
        diskWritePerSecond = status.hasDiskWriteBytesPerSecond ? Self.whole(status.diskWriteBytesPerSecond) : nil
        let pairs = status.own.sorted { $0.key < $1.key }.prefix(Self.mostOthers)
        own =
            pairs.isEmpty
            ? nil
            : Dictionary(pairs.map { (Self.cut($0.key), Self.cut($0.value)) }, uniquingKeysWith: { first, _ in first })
        offset = status.offsetMilliseconds
        runs = status.runs
        if status.hasStorage { storage = Storage(status.storage) }
    }

    /// What a grid of thousands of nodes needs.
    var brief: StatusView {
        var brief = self
        brief.busiest = nil
        brief.cores = nil
        brief.addresses = nil
        brief.own = nil
        brief.storage = nil
        return brief
    }

    fileprivate static func cut(_ text: String) -> String { String(text.prefix(longestText)) }
    private static func text(_ text: String) -> String? { text.isEmpty ? nil : cut(text) }

    private static func list<Element>(_ elements: [Element], most: Int = mostOthers) -> [Element]? {
        elements.isEmpty ? nil : Array(elements.prefix(most))
    }

    fileprivate static func tenths(_ number: Double) -> Double? { rounded(number, 10) }
    private static func hundredths(_ number: Double) -> Double? { rounded(number, 100) }
    fileprivate static func whole(_ number: Double) -> Double? { rounded(number, 1) }

    private static func rounded(_ number: Double, _ parts: Double) -> Double? {
        number.isFinite && number.magnitude < 1e15 ? (number * parts).rounded() / parts : nil
    }
}

extension StatusView.Memory {
    fileprivate init(_ memory: WireStatus.Memory) {
        self.init(
            total: memory.total, free: memory.free, available: memory.available, buffers: memory.buffers,
            cached: memory.cached, swapTotal: memory.swapTotal, swapFree: memory.swapFree)
    }
}

extension StatusView.Storage {
    fileprivate init(_ storage: WireStatus.Storage) {
        self.init(
            runFolders: storage.runFolders, remembered: storage.remembered, cache: storage.cacheBytes,
            cacheLimit: storage.cacheLimitBytes, free: storage.freeBytes, needed: storage.neededBytes,
            runsKept: storage.runsKeptSeconds, unownedRunsKept: storage.unownedKeptSeconds)
    }
}

extension StatusView.Network {
    fileprivate init(_ network: WireStatus.Network) {
        self.init(
            interface: StatusView.cut(network.interface),
            receivedPerSecond: StatusView.whole(network.receivedBytesPerSecond),
            sentPerSecond: StatusView.whole(network.sentBytesPerSecond), received: network.receivedBytes,
            sent: network.sentBytes)
    }
}

extension StatusView.Process {
    fileprivate init(_ process: WireStatus.Process) {
        self.init(
            pid: process.pid, name: StatusView.cut(process.name), user: StatusView.cut(process.user),
            cpu: StatusView.tenths(process.cpuPercent), memory: StatusView.tenths(process.memoryPercent))
    }
}

extension StatusView.Disk {
    fileprivate init(_ disk: WireStatus.Disk) {
        self.init(path: StatusView.cut(disk.path), total: disk.totalBytes, free: disk.freeBytes)
    }
}

/// The bounds of the container that this node is, where it is one: the files of the cgroup that it sees as the root. On a
/// machine itself the root has none.
struct Container: ~Copyable {
    private var maximum: SystemFile
    private var current: SystemFile
    private var stat: SystemFile
    private var cpu = SystemFile("/sys/fs/cgroup/cpu.stat")
    private let hasMemory: Bool
    /// How many cores' worth of time it may use; nil where that is not limited.
    let cores: Double?

    init() {
        let second = "/sys/fs/cgroup", first = "/sys/fs/cgroup/memory"
        let isFirst = SystemFile.once(second + "/memory.max") == nil
        maximum = SystemFile(isFirst ? first + "/memory.limit_in_bytes" : second + "/memory.max")
        current = SystemFile(isFirst ? first + "/memory.usage_in_bytes" : second + "/memory.current")
        stat = SystemFile((isFirst ? first : second) + "/memory.stat")
        hasMemory = maximum.read() != nil
        cores = Self.cores(SystemFile.once(second + "/cpu.max") ?? [])
    }

    mutating func limit() -> MemoryFigures.Limit? {
        guard hasMemory else { return nil }
        return MemoryFigures.limit(max: maximum.read(), current: current.read(), stat: stat.read())
    }

    /// Nil without a limit on cores.
    mutating func usedMicroseconds() -> UInt64? {
        guard cores != nil else { return nil }
        var words = Words(cpu.read() ?? [])
        while var line = words.line(), let name = line.text() {
            if name == "usage_usec" { return line.number() }
        }
        return nil
    }

    /// `200000 100000`: so much time in each such period; `max 100000`: no limit.
    static func cores(_ text: ArraySlice<UInt8>) -> Double? {
        var words = Words(text)
        guard var line = words.line(), let quota = line.number(), let period = line.number(), period > 0, quota > 0
        else { return nil }
        return Double(quota) / Double(period)
    }
}

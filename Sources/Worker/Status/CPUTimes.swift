/// The processor's counters of /proc/stat (proc_stat(5)), in ticks since the start of the machine.
struct CPUTimes: Equatable, Sendable {
    struct Counter: Equatable, Sendable {
        var busy: UInt64
        var idle: UInt64

        /// Busy ticks of a hundred since then; nil where the clock has not moved on. A counter that went back counts as
        /// one that stood still: iowait does so.
        func percent(since old: Counter) -> Double? {
            let busy = self.busy > old.busy ? self.busy - old.busy : 0
            let idle = self.idle > old.idle ? self.idle - old.idle : 0
            return busy + idle > 0 ? 100 * Double(busy) / Double(busy + idle) : nil
        }
    }

    private(set) var all: Counter?
    /// By the core's number: one that is switched off is not there.
    private(set) var cores: [(number: UInt64, counter: Counter)] = []

    init(_ text: ArraySlice<UInt8>) {
        var words = Words(text)
        while var line = words.line(), let name = line.word(), name.starts(with: "cpu".utf8) {
            guard let counter = Self.counter(&line) else { continue }
            if let number = Words.number(name.dropFirst(3)) {
                cores.append((number, counter))
            } else {
                all = counter
            }
        }
    }

    /// user nice system idle iowait irq softirq steal; what guests used is in user and nice already.
    private static func counter(_ line: inout Words) -> Counter? {
        var values: [UInt64] = []
        while values.count < 8, let value = line.number() { values.append(value) }
        guard values.count >= 4 else { return nil }
        let idle = values[3] &+ (values.count > 4 ? values[4] : 0)
        return Counter(busy: values.reduce(0, &+) &- idle, idle: idle)
    }

    func percent(since old: CPUTimes) -> (all: Double?, cores: [Double]) {
        let before = Dictionary(old.cores.map { ($0.number, $0.counter) }, uniquingKeysWith: { $1 })
        let each = cores.map { core in before[core.number].flatMap { core.counter.percent(since: $0) } ?? 0 }
        return (all.flatMap { now in old.all.flatMap { now.percent(since: $0) } }, old.cores.isEmpty ? [] : each)
    }

    static func == (one: CPUTimes, other: CPUTimes) -> Bool {
        one.all == other.all && one.cores.elementsEqual(other.cores, by: ==)
    }
}

import Messages
import Supervisor

/// What one run may take of its node, all its processes together; 0 is no limit.
struct RunLimits: Equatable, Sendable {
    var memoryBytes: UInt64 = 0
    /// With their threads.
    var processes: UInt32 = 0

    init(memoryBytes: UInt64 = 0, processes: UInt32 = 0) {
        (self.memoryBytes, self.processes) = (memoryBytes, processes)
    }

    init(_ wire: WireLimits) {
        self.init(memoryBytes: wire.memoryBytes, processes: wire.processes)
    }

    /// The smaller of each.
    func applied(to asked: RunLimits) -> RunLimits {
        RunLimits(
            memoryBytes: Self.smaller(memoryBytes, asked.memoryBytes),
            processes: Self.smaller(processes, asked.processes))
    }

    private static func smaller<Number: UnsignedInteger>(_ most: Number, _ asked: Number) -> Number {
        if most == 0 { return asked }
        return asked == 0 ? most : min(most, asked)
    }
}

/// What is said of a run's limits: how the node keeps them, and which one the run went beyond.
struct LimitNote {
    let node: NodeName
    let limits: RunLimits
    let kept: CgroupRoot.Controllers

    /// Nil where there is nothing to say.
    func failure(_ ending: ExitRecord.Ending?) -> Failure? {
        let sentences = [excess(ending), keeping].compactMap(\.self)
        return sentences.isEmpty ? nil : Failure(.limits, sentences.joined(separator: ". "))
    }

    private func excess(_ ending: ExitRecord.Ending?) -> String? {
        switch ending {
        case .outOfMemory: "it took more than its limit of memory, \(Self.size(limits.memoryBytes))"
        case .tooManyProcesses: "it had more than its limit of \(limits.processes) processes and threads"
        default: nil
        }
    }

    private var keeping: String? {
        var missing: [String] = []
        if limits.memoryBytes > 0, !kept.memory { missing.append("memory") }
        if limits.processes > 0, !kept.processes { missing.append("pids") }
        guard !missing.isEmpty else { return nil }
        let why =
            kept.hasCgroups
            ? "its cgroups have no \(missing.joined(separator: " and no ")) controller"
            : "it has no cgroups of version 2 to use"
        return "limits kept by rlimit and by measuring on \(node): \(why)"
    }

    /// In the largest unit that gives a whole number: `512 MiB`.
    static func size(_ bytes: UInt64) -> String {
        var (number, unit) = (bytes, 0)
        let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
        while number >= 1024, number.isMultiple(of: 1024), unit < units.count - 1 {
            (number, unit) = (number / 1024, unit + 1)
        }
        return "\(number) \(units[unit])"
    }
}

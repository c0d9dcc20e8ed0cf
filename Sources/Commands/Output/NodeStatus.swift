/// A line of `GET status`: a node's figures, or that there are none (docs/protocol.md §12).
struct NodeStatus: Decodable, Sendable {
    struct Figures: Decodable, Sendable {
        struct Memory: Decodable, Sendable { var total, available, swapTotal, swapFree: UInt64 }
        struct Network: Decodable, Sendable { var receivedPerSecond, sentPerSecond: Double? }

        var load: [Double]?
        var cpu: Double?
        var memory: Memory?
        var network: Network?
        var temperature: Double?
        var uptime: UInt64?
        /// The node's clock less the gateway's, milliseconds.
        var offset: Int64?
        var runs: UInt32?
        var storage: Storage?

        struct Storage: Decodable, Sendable {
            var runFolders: UInt32
            var cache, cacheLimit, free, needed: UInt64
            var runsKept, unownedRunsKept: UInt64
        }
    }

    /// A clock this far off is worth a note.
    private static let clockMilliseconds: Int64 = 2000

    var node: String
    var present: Bool
    /// Unix milliseconds.
    var since: Int64?
    var status: Figures?

    static let head = ["NODE", "LOAD", "CPU", "MEMORY", "SWAP", "IN/s", "OUT/s", "TEMP", "UPTIME", "RUNS", "NOTE"]

    /// One row of the table; what is not known is `-`.
    var row: [String] {
        guard let status else {
            let seen = since.map { "away since \(Moment.text($0))" } ?? "never seen"
            return [node] + Array(repeating: "-", count: Self.head.count - 2) + [present ? "does not answer" : seen]
        }
        let memory = status.memory
        return [
            node, status.load.map { $0.map { Self.number($0, digits: 2) }.joined(separator: " ") } ?? "-",
            status.cpu.map { "\(Self.number($0, digits: 0))%" } ?? "-",
            memory.map { Self.share($0.total - min($0.available, $0.total), of: $0.total) } ?? "-",
            memory.map {
                $0.swapTotal == 0
                    ? "no swap" : Self.share($0.swapTotal - min($0.swapFree, $0.swapTotal), of: $0.swapTotal)
            }
                ?? "-",
            Self.bytes(status.network?.receivedPerSecond), Self.bytes(status.network?.sentPerSecond),
            status.temperature.map { "\(Self.number($0, digits: 0))°C" } ?? "-",
            status.uptime.map(Self.span) ?? "-", status.runs.map(String.init) ?? "-", note,
        ]
    }

    private var note: String {
        guard let offset = status?.offset, offset.magnitude > Self.clockMilliseconds else { return "" }
        return "clock \(Self.number(Double(offset.magnitude) / 1000, digits: 1)) s \(offset > 0 ? "ahead" : "behind")"
    }

    private static func share(_ part: UInt64, of whole: UInt64) -> String {
        "\(gibibytes(part))/\(gibibytes(whole)) GiB"
    }

    private static func gibibytes(_ bytes: UInt64) -> String { number(Double(bytes) / 1_073_741_824, digits: 1) }

    /// 1.2M, 34k, 5: bytes in powers of ten.
    static func bytes(_ number: Double?) -> String {
        guard var value = number else { return "-" }
        var unit = 0
        let units = ["", "k", "M", "G", "T"]
        while value >= 999.5, unit < units.count - 1 { (value, unit) = (value / 1000, unit + 1) }
        return Self.number(value, digits: unit > 0 && value < 9.95 ? 1 : 0) + units[unit]
    }

    /// The two largest units: 3d 4h.
    static func span(_ seconds: UInt64) -> String {
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60)
        if days > 0 { return "\(days)d \(hours)h" }
        return hours > 0 ? "\(hours)h \(minutes)m" : "\(minutes)m"
    }

    static func number(_ value: Double, digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        guard value.isFinite, value.magnitude * scale < 1e15 else { return "-" }
        let scaled = Int64((value * scale).rounded())
        if digits == 0 { return "\(scaled)" }
        let rest = String(scaled.magnitude % UInt64(scale))
        let zeros = String(repeating: "0", count: digits - rest.count)
        return "\(scaled < 0 ? "-" : "")\(scaled.magnitude / UInt64(scale)).\(zeros)\(rest)"
    }
}

/// What became of a simulation.
struct Outcome: Sendable {
    var seed: UInt64
    var nodes: Int
    /// Messages that arrived, writes, starts and ends, faults.
    var events: Int
    /// Everything that was due, timers too.
    var steps: Int
    var milliseconds: Int64
    var faults: Int
    var hits: Network.Hits
    var runs: Int
    var gaps: Int
    /// The same for the same seed.
    var trace: UInt64
    var violation: Violation?
    var lastLines: [String]

    /// 16 hex digits.
    var traceText: String {
        let digits = String(trace, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

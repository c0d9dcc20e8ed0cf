import Foundation
import Glibc

/// All outcomes of one call of `estiba simulate`.
struct Summary: Encodable {
    var seeds = 0
    var nodes = 0
    var runs = 0
    var events = 0
    var steps = 0
    var virtualSeconds: Double = 0
    var faults = 0
    var dropped = 0
    var doubled = 0
    var delayed = 0
    var overtaken = 0
    var gaps = 0
    var violations = 0
    /// Of the last seed, 16 hex digits.
    var trace = ""
    var seconds: Double = 0

    mutating func add(_ outcome: Outcome) {
        seeds += 1
        nodes += outcome.nodes
        runs += outcome.runs
        events += outcome.events
        steps += outcome.steps
        virtualSeconds += Double(outcome.milliseconds) / 1000
        faults += outcome.faults
        dropped += outcome.hits.dropped
        doubled += outcome.hits.doubled
        delayed += outcome.hits.delayed
        overtaken += outcome.hits.overtaken
        gaps += outcome.gaps
        violations += outcome.violation == nil ? 0 : 1
        trace = outcome.traceText
    }

    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    var text: String {
        """
        \(seeds) seed\(seeds == 1 ? "" : "s"), \(nodes) nodes, \(runs) runs, \(Int(virtualSeconds)) s of virtual time in \(rounded(seconds)) s
        \(events) events (\(steps) with timers), \(faults) faults: \(dropped) messages lost, \(doubled) doubled, \(delayed) late, \(overtaken) overtaken, \(gaps) gaps
        \(violations) violation\(violations == 1 ? "" : "s"), trace \(trace)
        """
    }

    private func rounded(_ number: Double) -> String {
        let tenths = Int((number * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

enum StandardError {
    static func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(2, bytes, bytes.count)
    }
}

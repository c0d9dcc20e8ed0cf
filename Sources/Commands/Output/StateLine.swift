import FoundationEssentials

/// The lines of `--json` but for those of output, which are too many for the encoder.
enum StateLine {
    private struct Accepted: Encodable {
        var event = "accepted"
        var execution: String
        var nodes: [String]?
        var files: [String]?
        var submission: String?
    }

    private struct State: Encodable {
        var event = "state"
        var execution: String?
        var node: String
        var state: String
        var code: Int32?
        var signal: Int32?
        var percent: Int?
        var pid: Int32?
        var reason: Reason?
        var remaining: Int?
    }

    private struct Summary: Encodable {
        var event = "summary"
        var execution: String
        var exit: Int32
        /// A node set; empty where all went well.
        var failed: String
        var states: [String: Int]
    }

    static func accepted(
        _ execution: String, nodes: [String]?, files: [String]? = nil, submission: String? = nil
    ) -> String {
        line(Accepted(execution: execution, nodes: nodes, files: files, submission: submission))
    }

    /// The execution is named where there are several.
    static func text(of run: Run, in execution: String? = nil) -> String {
        line(
            State(
                execution: execution, node: run.node, state: run.state, code: run.code, signal: run.signal,
                percent: run.percent,
                pid: run.pid, reason: run.reason, remaining: run.remaining))
    }

    static func summary(_ execution: String, _ outcome: Outcome) -> String {
        let states = Dictionary(outcome.runs.map { ($0.state, 1) }, uniquingKeysWith: +)
        return line(
            Summary(execution: execution, exit: outcome.exitCode, failed: outcome.failedNodes, states: states))
    }

    /// Any answer as one line of JSON, its members in the order of the alphabet.
    static func line(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes = (try? encoder.encode(value)).map(Array.init) ?? Array("{}".utf8)
        return String(decoding: bytes, as: UTF8.self) + "\n"
    }
}

import ArgumentParser
import Messages

/// `estiba stop --mine`: everything of the user's on some nodes.
struct StopMine {
    private static let pause = Duration.milliseconds(100)

    let gateway: Gateway
    let nodes: [String]
    let grace: TimeSpan?
    let isJSON: Bool

    /// Wishes them stopped and says which; with `waits` it returns when they have ended, and throws 1 where one has left
    /// processes behind.
    func run(waits: Bool) async throws {
        let wish = StopMineRequest(nodes: nodes, graceMilliseconds: grace?.milliseconds)
        let answer: Stopping = try await gateway.post("stop", wish)
        guard !answer.stopping.isEmpty else {
            return isJSON ? () : StandardStreams.say("nothing of yours runs there")
        }
        var left = 0
        for stopping in answer.stopping {
            guard waits else {
                if isJSON {
                    StandardStreams.emit(StateLine.line(StopLine.stopping(stopping.execution, stopping.nodes)))
                } else {
                    StandardStreams.print("\(stopping.execution): stopping on \(stopping.nodes.joined(separator: ","))")
                }
                continue
            }
            left += try await ended(stopping)
        }
        guard waits else { return }
        if !isJSON { StandardStreams.say("\(left) processes left") }
        if left > 0 { throw ExitCode(1) }
    }

    private func ended(_ stopping: Stopping.One) async throws -> Int {
        while true {
            let found: Execution = try await gateway.get("executions/\(stopping.execution)")
            let runs = (found.runs ?? []).filter { stopping.nodes.contains($0.node) }
            if runs.allSatisfy(\.terminal) {
                let left = runs.reduce(0) { $0 + ($1.remaining ?? 0) }
                guard isJSON else {
                    for run in runs { StandardStreams.print("\(stopping.execution) \(run.node): \(run.proof)") }
                    return left
                }
                for run in runs { StandardStreams.emit(StateLine.text(of: run, in: stopping.execution)) }
                StandardStreams.emit(StateLine.line(StopLine.stopped(stopping.execution, left)))
                return left
            }
            try await Task.sleep(for: Self.pause)
        }
    }
}

struct StopMineRequest: Encodable, Sendable {
    var nodes: [String]
    var graceMilliseconds: UInt64?
}

struct Stopping: Decodable, Sendable {
    struct One: Decodable, Sendable {
        var execution: String
        var nodes: [String]
    }

    var stopping: [One]
}

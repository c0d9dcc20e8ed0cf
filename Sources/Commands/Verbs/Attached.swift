import ArgumentParser
import Glibc
import Messages
import UnixSignals

/// What `run`, `deploy --run` and `logs -f` have in common: output until the end, then the summary and the exit code.
struct Attached {
    let gateway: Gateway
    let execution: String
    var node: NodeName?
    var since: UInt64 = 0
    let style: OutputStyle

    /// How long a second Ctrl-C is waited for before the command lets go.
    private static let secondPress = Duration.seconds(1)
    /// The exit code of what SIGINT ended, as shells count it.
    private static let interrupted: Int32 = 130

    /// Follows to the end and throws the exit code that the execution gives.
    func toTheEnd() async throws {
        let ended = try await withThrowingTaskGroup(of: Outcome?.self) { group in
            group.addTask { try await follow(goesOn: true) }
            group.addTask {
                try await minding()
                return nil
            }
            defer { group.cancelAll() }
            while let outcome = try await group.next() {
                if let outcome { return outcome }
            }
            throw CancellationError()
        }
        report(ended)
        if ended.exitCode != 0 { throw ExitCode(ended.exitCode) }
    }

    /// Shows what is there now.
    @discardableResult
    func follow(goesOn: Bool) async throws -> Outcome {
        var follower = Follower(style: style, node: node, since: since)
        let follow = Follow(gateway: gateway, execution: execution, node: node, goesOn: goesOn)
        try await follow.run(&follower)
        if goesOn, !follower.runs.values.allSatisfy(\.terminal) {
            let execution: Execution = try await gateway.get("executions/\(execution)")
            return Outcome((execution.runs ?? []).filter { node == nil || $0.node == node?.description })
        }
        return Outcome(follower.runs.values)
    }

    private func report(_ outcome: Outcome) {
        if style == .json {
            StandardStreams.emit(StateLine.summary(execution, outcome))
        }
        // With --raw a command's own exit code is no news: ssh says nothing either.
        if let failures = outcome.failures, style != .raw || outcome.hasTrouble { StandardStreams.say(failures) }
    }

    /// Ctrl-C lets go and says how to come back; a second one at once stops the execution and stays to its end.
    private func minding() async throws {
        let presses = await UnixSignalsSequence(trapping: .sigint)
        try await withThrowingTaskGroup(of: Void.self) { group in
            var count = 0
            for await _ in presses {
                count += 1
                switch count {
                case 1:
                    StandardStreams.say(
                        "it goes on without you; come back with `estiba logs -f \(execution)`. Ctrl-C again now stops it"
                    )
                    group.addTask {
                        try await Task.sleep(for: Self.secondPress)
                        exit(Self.interrupted)
                    }
                case 2:
                    group.cancelAll()
                    StandardStreams.say("stopping; Ctrl-C once more does not wait for it")
                    try await gateway.post("executions/\(execution)/stop", StopRequest())
                default: exit(Self.interrupted)
                }
            }
        }
    }
}

import ArgumentParser
import Glibc
import Messages
import UnixSignals

/// An execution whose output is shown.
struct Followed: Sendable, Equatable {
    var execution: String
    /// Stands before its lines, where there are several.
    var label: String?
}

/// What `run`, `deploy --run` and `logs -f` have in common: output until the end, then the summary and the exit code.
struct Attached {
    let gateway: Gateway
    let followed: [Followed]
    var node: NodeName?
    var since: UInt64 = 0
    let style: OutputStyle
    private let meter = FetchMeter()

    init(gateway: Gateway, followed: [Followed], node: NodeName? = nil, since: UInt64 = 0, style: OutputStyle) {
        (self.gateway, self.followed, self.node, self.since, self.style) = (gateway, followed, node, since, style)
    }

    /// How long a second Ctrl-C is waited for before the command lets go.
    private static let secondPress = Duration.seconds(1)
    /// The exit code of what SIGINT ended, as shells count it.
    private static let interrupted: Int32 = 130

    /// Follows to the end and throws the exit code that the executions give.
    func toTheEnd() async throws {
        // Before the first line is there: who sees it may press at once.
        let presses = await UnixSignalsSequence(trapping: .sigint)
        let ended = try await withThrowingTaskGroup(of: (Int, Outcome)?.self) { group in
            for (index, one) in followed.enumerated() {
                group.addTask { (index, try await follow(one, goesOn: true)) }
            }
            group.addTask {
                try await minding(presses)
                return nil
            }
            defer { group.cancelAll() }
            var outcomes: [Int: Outcome] = [:]
            while outcomes.count < followed.count {
                guard let next = try await group.next() else { throw CancellationError() }
                if let (index, outcome) = next { outcomes[index] = outcome }
            }
            return outcomes
        }
        for (index, one) in followed.enumerated() { if let outcome = ended[index] { report(outcome, of: one) } }
        let code = Outcome(ended.values.flatMap(\.runs)).exitCode
        if code != 0 { throw ExitCode(code) }
    }

    /// Shows what is there now.
    func showWhatIsThere() async throws {
        for one in followed { try await follow(one, goesOn: false) }
    }

    @discardableResult
    private func follow(_ one: Followed, goesOn: Bool) async throws -> Outcome {
        var follower = Follower(style: style, node: node, since: since, of: followed.count > 1 ? one : nil)
        let follow = Follow(gateway: gateway, execution: one.execution, node: node, goesOn: goesOn, meter: meter)
        try await follow.run(&follower)
        if goesOn, !follower.runs.values.allSatisfy(\.terminal) {
            let execution: Execution = try await gateway.get("executions/\(one.execution)")
            return Outcome((execution.runs ?? []).filter { node == nil || $0.node == node?.description })
        }
        return Outcome(follower.runs.values)
    }

    private func report(_ outcome: Outcome, of one: Followed) {
        if style == .json {
            StandardStreams.emit(StateLine.summary(one.execution, outcome))
        }
        // With --raw a command's own exit code is no news: ssh says nothing either.
        if let failures = outcome.failures, style != .raw || outcome.hasTrouble {
            StandardStreams.say((one.label.map { "\($0): " } ?? "") + failures)
        }
    }

    /// Ctrl-C lets go and says how to come back; a second one at once stops the executions and stays to their end.
    private func minding(_ presses: UnixSignalsSequence) async throws {
        let ways = followed.map { "`estiba logs -f \($0.execution)`" }.joined(separator: ", ")
        try await withThrowingTaskGroup(of: Void.self) { group in
            var count = 0
            for await _ in presses {
                count += 1
                switch count {
                case 1:
                    StandardStreams.say("it goes on without you; come back with \(ways). Ctrl-C again now stops it")
                    group.addTask {
                        try await Task.sleep(for: Self.secondPress)
                        exit(Self.interrupted)
                    }
                case 2:
                    group.cancelAll()
                    StandardStreams.say("stopping; Ctrl-C once more does not wait for it")
                    for one in followed { try await gateway.post("executions/\(one.execution)/stop", StopRequest()) }
                default: exit(Self.interrupted)
                }
            }
        }
    }
}

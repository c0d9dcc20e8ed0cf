import Messages

/// Hands submissions in, once and together, and stays with them unless detached.
struct Submitting {
    let gateway: Gateway
    let submissions: [Submission]
    /// How the lines of several are told apart.
    let labels: [String]
    let output: OutputOptions
    let isDetached: Bool

    init(
        gateway: Gateway, submissions: [Submission], labels: [String] = [], output: OutputOptions, isDetached: Bool
    ) {
        (self.gateway, self.submissions, self.labels) = (gateway, submissions, labels)
        (self.output, self.isDetached) = (output, isDetached)
    }

    private struct Together: Encodable { var executions: [Submission] }

    func run() async throws {
        let key = ExecutionID.random().description
        let accepted: [Execution]
        if submissions.count == 1, let only = submissions.first {
            accepted = [try await gateway.post("executions", only, key: key)]
        } else {
            let body = Together(executions: submissions)
            accepted = try await gateway.post("submissions", body, key: key, as: ExecutionList.self).executions
        }
        let labels: [String?] = accepted.count > 1 ? self.labels : [nil]
        try await Self.stay(with: accepted, labels, at: gateway, output, isDetached: isDetached)
    }

    /// Says what was accepted, and follows it to the end.
    static func stay(
        with accepted: [Execution], _ labels: [String?], at gateway: Gateway, _ output: OutputOptions, isDetached: Bool
    ) async throws {
        for execution in accepted {
            if output.json {
                let nodes = (execution.runs ?? []).map(\.node)
                StandardStreams.emit(
                    StateLine.accepted(
                        execution.execution, nodes: nodes, files: execution.files?.map(\.name),
                        submission: accepted.count > 1 ? execution.submission : nil))
            } else if isDetached {
                StandardStreams.print(execution.execution)
            }
        }
        if isDetached { return }
        let followed = zip(accepted, labels).map { Followed(execution: $0.execution, label: $1) }
        try await Attached(gateway: gateway, followed: followed, style: output.style).toTheEnd()
    }
}

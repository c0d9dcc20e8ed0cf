import Messages

/// Hands a submission in, once, and stays with it unless detached.
struct Submitting {
    let gateway: Gateway
    let submission: Submission
    let output: OutputOptions
    let isDetached: Bool

    func run() async throws {
        let key = ExecutionID.random().description
        let accepted: Execution = try await gateway.post("executions", submission, key: key)
        if output.json {
            let line = StateLine.accepted(accepted.execution, nodes: submission.nodes)
            StandardStreams.emit(line)
        } else if isDetached {
            StandardStreams.print(accepted.execution)
        }
        if isDetached { return }
        try await Attached(gateway: gateway, execution: accepted.execution, style: output.style).toTheEnd()
    }
}

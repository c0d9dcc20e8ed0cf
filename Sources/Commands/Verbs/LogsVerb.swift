import ArgumentParser
import Messages

/// `estiba logs`: the output of an execution again, or on.
struct LogsVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show the output of an execution.",
        discussion: """
            With -f it stays to the end and exits with the code that `run` would give.

            Examples:
              estiba logs 06E8Q3T5W9CB1RMSN4KD7XGYHA
              estiba logs -f EXECUTION
              estiba logs EXECUTION --node node1 --raw
              estiba logs EXECUTION --fold
              estiba logs EXECUTION --node node1 --since 81920
            """)

    @Argument(help: "The execution's id, as `estiba ps` and `estiba history` list it.")
    var execution: ExecutionID

    @Flag(name: .shortAndLong, help: "Stay until the execution is complete.")
    var follow = false

    @Option(help: "Only this node.")
    var node: NodeName?

    @Option(help: "Begin at this position of the node's output (with --node).")
    var since: UInt64?

    @Flag(help: "Write what is equal on many nodes once, the odd ones first.")
    var fold = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if since != nil && node == nil { throw ValidationError("--since needs --node") }
        if fold && (follow || node != nil || output.raw) {
            throw ValidationError("--fold shows what is there of all nodes: without -f, --node and --raw")
        }
    }

    func run() async throws {
        let gateway = try Gateway.loggedIn()
        if fold {
            let folded = FoldedLogs(gateway: gateway, execution: execution.description, isJSON: output.json)
            return try await folded.show()
        }
        let found: Execution = try await gateway.get("executions/\(execution)")
        let count = node == nil ? found.runs?.count ?? 1 : 1
        if output.raw && count > 1 { throw CommandError.usage("--raw is for one node: name it with --node") }
        if let node, found.runs?.contains(where: { $0.node == node.description }) == false {
            throw CommandError.usage("the execution has no node \(node)")
        }
        let attached = Attached(
            gateway: gateway, followed: [Followed(execution: execution.description)], node: node, since: since ?? 0,
            style: output.style)
        if follow {
            try await attached.toTheEnd()
        } else {
            try await attached.showWhatIsThere()
        }
    }
}

extension ExecutionID: ExpressibleByArgument {}
extension NodeName: ExpressibleByArgument {}

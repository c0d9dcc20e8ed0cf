import ArgumentParser
import Messages

/// `estiba stop`: end an execution, and wait for the proof that it has ended.
struct StopVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop an execution and wait until no process of it is left.",
        discussion: """
            Says of each node how it ended and how many processes are left there: 0 is the proof. The exit code is 1 where some \
            are left. A node that is away is told when it comes back; --no-wait does not wait for that.

            Examples:
              estiba stop EXECUTION
              estiba stop EXECUTION -n 'node[2-3]' --grace 10s
              estiba stop EXECUTION --no-wait --json
              estiba stop --mine -n node1          everything of yours on a node
            """)

    @Argument(help: "The execution's id, as `estiba ps` and `estiba history` list it.")
    var execution: ExecutionID?

    @Flag(help: "All that you run on the nodes, of every execution.")
    var mine = false

    @OptionGroup var nodes: NodesOption

    @Option(help: "Time between asking and killing (500ms, 10s, 5m, 2h); otherwise what was given at the start.")
    var grace: TimeSpan?

    @Flag(inversion: .prefixedNo, help: "Wait for the end.")
    var wait = true

    @Flag(help: "Write one JSON object a line: state, stopped; with --no-wait stopping.")
    var json = false

    private static let pause = Duration.milliseconds(100)

    func validate() throws {
        if mine == (execution != nil) { throw ValidationError("name an execution, or --mine with -n NODES") }
        if mine && nodes.nodes.isEmpty { throw ValidationError("--mine needs -n NODES; '*' for all nodes") }
    }

    func run() async throws {
        let gateway = try Gateway.loggedIn()
        if let execution { return try await stop(execution, gateway) }
        let names = try await nodes.names(at: gateway)
        try await StopMine(gateway: gateway, nodes: names, grace: grace, isJSON: json).run(waits: wait)
    }

    private func stop(_ execution: ExecutionID, _ gateway: Gateway) async throws {
        let names = nodes.nodes.isEmpty ? nil : try await nodes.names(at: gateway)
        try await gateway.post(
            "executions/\(execution)/stop", StopRequest(nodes: names, graceMilliseconds: grace?.milliseconds))
        guard wait else {
            if json { StandardStreams.emit(StateLine.line(StopLine.stopping(execution.description, names))) }
            return
        }
        var announced: Set<String> = []
        var isAwaySaid = false
        while true {
            let found: Execution = try await gateway.get("executions/\(execution)")
            if let owner = found.owner, found.ownerAwaySince != nil, !isAwaySaid {
                isAwaySaid = true
                StandardStreams.say(
                    Table.tame(
                        "the gateway \(owner) is away: the stop is kept for it, and goes to the nodes without it"))
            }
            let runs = (found.runs ?? []).filter { names?.contains($0.node) ?? true }
            for run in runs where run.terminal && announced.insert(run.node).inserted {
                if json {
                    StandardStreams.emit(StateLine.text(of: run, in: execution.description))
                } else {
                    StandardStreams.print("\(run.node): \(run.proof)")
                }
            }
            if runs.allSatisfy(\.terminal) {
                let left = runs.reduce(0) { $0 + ($1.remaining ?? 0) }
                if json {
                    StandardStreams.emit(StateLine.line(StopLine.stopped(execution.description, left)))
                } else {
                    StandardStreams.say("\(left) processes left")
                }
                if left > 0 { throw ExitCode(1) }
                return
            }
            try await Task.sleep(for: Self.pause)
        }
    }
}

/// The lines of `stop --json` besides those of the states.
struct StopLine: Encodable {
    var event: String
    var execution: String
    /// Absent where all are meant.
    var nodes: [String]?
    var remaining: Int?

    static func stopping(_ execution: String, _ nodes: [String]?) -> StopLine {
        StopLine(event: "stopping", execution: execution, nodes: nodes)
    }

    static func stopped(_ execution: String, _ remaining: Int) -> StopLine {
        StopLine(event: "stopped", execution: execution, remaining: remaining)
    }
}

extension Run {
    /// The end in words, and how many processes are left, as far as the node has said it.
    var proof: String {
        remaining.map { "\(words), \($0) \($0 == 1 ? "process" : "processes") left" } ?? words
    }
}

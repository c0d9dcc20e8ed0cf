import ArgumentParser
import Messages

/// `estiba stop`: end an execution, and wait for the proof that it has ended.
struct StopVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop an execution and wait until no process of it is left.",
        discussion: """
            Examples:
              estiba stop EXECUTION
              estiba stop EXECUTION -n 'node[2-3]' --grace 10s
              estiba stop EXECUTION --no-wait
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

    private static let pause = Duration.milliseconds(100)

    func validate() throws {
        if mine == (execution != nil) { throw ValidationError("name an execution, or --mine with -n NODES") }
        if mine && nodes.nodes.isEmpty { throw ValidationError("--mine needs -n NODES; '*' for all nodes") }
    }

    func run() async throws {
        let gateway = try Gateway.loggedIn()
        if let execution { return try await stop(execution, gateway) }
        let names = try await nodes.names(at: gateway)
        try await StopMine(gateway: gateway, nodes: names, grace: grace).run(waits: wait)
    }

    private func stop(_ execution: ExecutionID, _ gateway: Gateway) async throws {
        let names = nodes.nodes.isEmpty ? nil : try await nodes.names(at: gateway)
        try await gateway.post(
            "executions/\(execution)/stop", StopRequest(nodes: names, graceMilliseconds: grace?.milliseconds))
        guard wait else { return }
        var announced: Set<String> = []
        while true {
            let found: Execution = try await gateway.get("executions/\(execution)")
            let runs = (found.runs ?? []).filter { names?.contains($0.node) ?? true }
            for run in runs where run.terminal && announced.insert(run.node).inserted {
                let left = run.remaining.map { $0 > 0 ? ", \($0) processes left" : "" } ?? ""
                StandardStreams.print("\(run.node): \(run.words)\(left)")
            }
            if runs.allSatisfy(\.terminal) {
                let left = runs.reduce(0) { $0 + ($1.remaining ?? 0) }
                StandardStreams.say("\(left) processes left")
                if left > 0 { throw ExitCode(1) }
                return
            }
            try await Task.sleep(for: Self.pause)
        }
    }
}

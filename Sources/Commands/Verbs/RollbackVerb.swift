import ArgumentParser
import Messages

/// `estiba rollback`: puts back what a deployment took the place of.
struct RollbackVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Put back what a deployment with --keep-previous took the place of.",
        discussion: """
            It is an execution of its own, which ends `placed` on every node that had kept something, and `nothing_kept` \
            elsewhere. What it takes the place of is not kept.

            Examples:
              estiba rollback EXECUTION
              estiba rollback EXECUTION -n 'node[2-3]'

            The exit code is 125 when a node had nothing to put back.
            """)

    @Argument(help: "The deployment's id, as `estiba history` lists it.")
    var execution: ExecutionID

    @OptionGroup var nodes: NodesOption
    @OptionGroup var output: OutputOptions

    @Flag(help: "Return when it is accepted and print the execution's id.")
    var detach = false

    private struct Wish: Encodable { var nodes: [String]? }

    func run() async throws {
        let gateway = try Gateway.loggedIn()
        let names = nodes.nodes.isEmpty ? nil : try await nodes.names(at: gateway)
        let accepted: Execution = try await gateway.post(
            "executions/\(execution)/rollback", Wish(nodes: names), key: ExecutionID.random().description)
        try await Submitting.stay(with: [accepted], [nil], at: gateway, output, isDetached: detach)
    }
}

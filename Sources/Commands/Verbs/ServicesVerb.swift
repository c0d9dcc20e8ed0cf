import ArgumentParser
import Messages

/// `estiba services`: the service names that nodes announce for their user.
struct ServicesVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "services", abstract: "List your service names, and end their announcement.",
        discussion: """
            A service name is given with a deployment, and through the API with a run. It is announced from the start of the command to its end, \
            or, where it is permanent, until it is removed.

            Examples:
              estiba services
              estiba services --json
              estiba services remove shop
              estiba services remove shop -n node2
            """,
        subcommands: [List.self, Remove.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List your service names.", discussion: "Example:\n  estiba services list --json")

        @Flag(help: "One JSON object a line.")
        var json = false

        func run() async throws {
            let services = try await Gateway.loggedIn().get("services", as: ServiceList.self).services
            if json { return services.forEach { StandardStreams.emit(StateLine.line($0)) } }
            let rows = services.map { service in
                let place = service.addresses?.first ?? service.node
                return [
                    service.name, service.node, service.port.map { "\(place):\($0)" } ?? "",
                    service.permanent ? "permanent" : "with its run", Moment.text(service.since), service.execution,
                ]
            }
            Table.print([["NAME", "NODE", "ADDRESS", "STAYS", "SINCE", "EXECUTION"]] + rows)
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End the announcement of a name; what runs goes on.",
            discussion: """
                Without -n, on every node that announces it.

                Examples:
                  estiba services remove shop
                  estiba services remove shop -n 'node[1-2]'
                """)

        @Argument(help: "The name, as `estiba services` lists it.")
        var name: String

        @OptionGroup var nodes: NodesOption

        @Flag(help: "One JSON object.")
        var json = false

        func run() async throws {
            let gateway = try Gateway.loggedIn()
            let names = nodes.nodes.isEmpty ? nil : try await nodes.names(at: gateway)
            let answer: RemovedService = try await gateway.post(
                "services/remove", ServiceRemoval(name: name, nodes: names))
            if json {
                StandardStreams.emit(StateLine.line(answer))
            } else {
                for node in answer.removed { StandardStreams.print("\(node): \(Table.tame(name)) removed") }
            }
            guard !answer.unreachable.isEmpty else { return }
            let left = answer.unreachable.joined(separator: ",")
            throw CommandError.local("\(left) did not answer and still announces it; try again when it is there")
        }
    }
}

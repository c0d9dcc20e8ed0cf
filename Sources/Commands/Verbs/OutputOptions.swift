import ArgumentParser
import Glibc
import Messages

/// How output is to be shown.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Write the very bytes of each stream and nothing else (one node).")
    var raw = false

    @Flag(help: "Write one JSON object a line: upload, accepted, state, line, gap, summary.")
    var json = false

    func validate() throws {
        if raw && json { throw ValidationError("--raw and --json do not go together") }
    }

    var style: OutputStyle {
        if raw { return .raw }
        if json { return .json }
        let out = StandardStreams.isTerminal(.stdout)
        let error = StandardStreams.isTerminal(.stderr)
        return .labelled(
            .init(stdoutIsTerminal: out, stderrIsTerminal: error, hasColours: Environment.all["NO_COLOR"] == nil))
    }
}

/// `-n NODES`, as often as one likes.
struct NodesOption: ParsableArguments {
    @Option(
        name: [.customShort("n"), .long],
        help: "The nodes: node[1-3,7], web[01-20]!web07, a[1-9]&*5, '*' for all.")
    var nodes: [String] = []

    func validate() throws {
        _ = try set
    }

    /// Nil where none is named.
    var set: NodeSet? {
        get throws {
            if nodes.isEmpty { return nil }
            do {
                return try NodeSet(nodes.joined(separator: ","))
            } catch {
                throw ValidationError("\(error)")
            }
        }
    }

    /// The names, each once; asks the gateway only where the set has a `*` or `?`.
    func names(at gateway: Gateway) async throws -> [String] {
        guard let set = try set else { throw CommandError.usage("name the nodes with -n") }
        var registered: [Node] = []
        if set.asksForRegistered { registered = try await gateway.get("nodes", as: NodeList.self).nodes }
        let names = set.names(registered: registered.compactMap { .init($0.name) }).map(\.description)
        guard !names.isEmpty else {
            throw CommandError.usage("no node fits \(nodes.joined(separator: ",")); `estiba nodes` lists them")
        }
        return names
    }
}

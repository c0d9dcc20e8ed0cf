import ArgumentParser
import Messages

/// `estiba nodes`.
struct NodesVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nodes", abstract: "List the nodes and whether they are there.",
        discussion: "Examples:\n  estiba nodes\n  estiba nodes --json")

    @Flag(help: "One JSON object a line.")
    var json = false

    func run() async throws {
        let nodes = try await Gateway.loggedIn().get("nodes", as: NodeList.self).nodes
        if json { return nodes.forEach { StandardStreams.emit(StateLine.line($0)) } }
        let rows = nodes.map { node in
            [
                node.name, node.present ? "present" : "away", Moment.text(node.since),
                (node.addresses ?? []).joined(separator: ","), node.program ?? "",
            ]
        }
        Table.print([["NODE", "STATE", "SINCE", "ADDRESSES", "PROGRAM"]] + rows)
    }
}

/// `estiba ps`: what has not ended.
struct PsVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "List your executions that have not ended.",
        discussion: "Examples:\n  estiba ps\n  estiba ps --json")

    @Flag(help: "One JSON object a line.")
    var json = false

    func run() async throws {
        let list: ExecutionList = try await Gateway.loggedIn().get("executions?active=true&limit=200")
        ExecutionTable.print(list.executions, json: json)
    }
}

/// `estiba history`: all, the newest first.
struct HistoryVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "List your executions, the newest first.",
        discussion: "Examples:\n  estiba history\n  estiba history --limit 200 --json")

    @Option(help: "How many.")
    var limit = 20

    @Option(help: "Only those before this one.")
    var before: ExecutionID?

    @Flag(help: "One JSON object a line.")
    var json = false

    func validate() throws {
        if !(1...1000).contains(limit) { throw ValidationError("--limit is 1 to 1000") }
    }

    func run() async throws {
        let from = before.map { "&before=\($0)" } ?? ""
        let list: ExecutionList = try await Gateway.loggedIn().get("executions?limit=\(limit)\(from)")
        ExecutionTable.print(list.executions, json: json)
    }
}

/// `estiba show`: one execution with its runs.
struct ShowVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show an execution and its state on every node.",
        discussion: "Examples:\n  estiba show EXECUTION\n  estiba show EXECUTION --json")

    @Argument(help: "The execution's id, as `estiba ps` and `estiba history` list it.")
    var execution: ExecutionID

    @Flag(help: "One JSON object.")
    var json = false

    func run() async throws {
        let found: Execution = try await Gateway.loggedIn().get("executions/\(execution)")
        if json { return StandardStreams.emit(StateLine.line(found)) }
        StandardStreams.print("\(found.execution)  \(found.kind ?? "")  \(Moment.text(found.created))")
        if let owner = found.owner { StandardStreams.print("gateway: \(Table.tame(owner))") }
        if let note = found.awayNote { StandardStreams.print(Table.tame(note)) }
        if let command = found.command { StandardStreams.print("command: \(Table.tame(command))") }
        for file in found.files ?? [] {
            let folder = file.folder.isEmpty ? "~" : Table.tame(file.folder)
            StandardStreams.print("file: \(Table.tame(file.name)) to \(folder), \(file.size) bytes")
        }
        let rows = (found.runs ?? []).sorted { $0.run < $1.run }.map { [$0.node, $0.words, Moment.text($0.since)] }
        Table.print([["NODE", "STATE", "SINCE"]] + rows)
    }
}

/// Executions as lines.
private enum ExecutionTable {
    static func print(_ executions: [Execution], json: Bool) {
        if json { return executions.forEach { StandardStreams.emit(StateLine.line($0)) } }
        let rows = executions.map { execution in
            let counts = (execution.counts ?? [:]).sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            return [
                execution.execution, Moment.text(execution.created), counts.joined(separator: ", "),
                execution.command ?? execution.files?.map(\.name).joined(separator: ", ") ?? "",
            ]
        }
        Table.print([["EXECUTION", "CREATED", "STATES", "COMMAND"]] + rows)
        let away = executions.reduce(into: [String: String]()) { notes, one in
            if let note = one.awayNote { notes[one.owner ?? ""] = note }
        }
        for note in away.sorted(by: { $0.key < $1.key }) { StandardStreams.say(Table.tame(note.value)) }
    }
}

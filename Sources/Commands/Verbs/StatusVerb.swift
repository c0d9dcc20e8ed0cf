import ArgumentParser
import AsyncHTTPClient
import FoundationEssentials
import Messages
import NIOCore

/// `estiba status`: how the nodes are.
struct StatusVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show how nodes are: load, processor, memory, network, temperature.",
        discussion: """
            Nodes measure only while somebody looks. One that does not answer within 2 s is named so; one that is away says \
            since when.

            Examples:
              estiba status
              estiba status 'web[1-20]!web7' --watch
              estiba status node1 --json
              estiba status --storage
            """)

    @Argument(help: "The nodes as a node set; all where none is named.")
    var nodes: [String] = []

    @Flag(name: .shortAndLong, help: "Go on, once a second, until Ctrl-C.")
    var watch = false

    @Flag(help: "What you have at the gateway, what the nodes have, how much it may be and how long it is kept.")
    var storage = false

    @Flag(help: "One JSON object a line, as docs/protocol.md §12 has them; with --storage one of §10 first.")
    var json = false

    func validate() throws {
        _ = try option.set
        if storage, watch { throw ValidationError("--storage is told once: leave --watch out") }
    }

    private var option: NodesOption {
        var option = NodesOption()
        option.nodes = nodes
        return option
    }

    func run() async throws {
        let gateway = try Gateway.loggedIn()
        if storage { try tell(try await gateway.bytes("storage")) }
        let names = nodes.isEmpty ? [] : try await option.names(at: gateway)
        var queries = names.isEmpty ? [] : ["nodes=" + names.joined(separator: ",")]
        if watch { queries.append("follow=true") }
        let body = try await gateway.open("status" + (queries.isEmpty ? "" : "?" + queries.joined(separator: "&")))
        var cutter = LineCutter()
        var board = StatusBoard(isTerminal: watch && StandardStreams.isTerminal(.stdout), showsStorage: storage)
        for try await piece in body {
            var lines: [[UInt8]] = []
            piece.withUnsafeReadableBytes { bytes in cutter.receive(bytes) { lines.append(Array($0)) } }
            for line in lines { try take(line, &board) }
            if watch, !json { board.show() }
        }
        if !watch, !json { board.show() }
    }

    private func tell(_ storage: [UInt8]) throws {
        guard !json else {
            guard StandardStreams.write(storage + [0x0A], to: .stdout) else { throw ReaderGone() }
            return
        }
        do {
            try JSONDecoder().decode(OwnStorage.self, from: Data(storage)).lines.forEach(StandardStreams.print)
        } catch let error as DecodingError {
            throw CommandError.misunderstood("\(error)")
        }
    }

    private func take(_ line: [UInt8], _ board: inout StatusBoard) throws {
        if json {
            guard StandardStreams.write(line + [0x0A], to: .stdout) else { throw ReaderGone() }
            return
        }
        do {
            board.take(try JSONDecoder().decode(NodeStatus.self, from: Data(line)))
        } catch {
            throw CommandError.misunderstood("\(error)")
        }
    }
}

/// The table of `estiba status`, the newest line of each node in it.
struct StatusBoard {
    /// The table is drawn over the last one.
    let isTerminal: Bool
    let showsStorage: Bool
    private var rows: [String: NodeStatus] = [:]
    private var isDrawn = false

    init(isTerminal: Bool, showsStorage: Bool = false) {
        (self.isTerminal, self.showsStorage) = (isTerminal, showsStorage)
    }

    mutating func take(_ status: NodeStatus) { rows[status.node] = status }

    var lines: [String] {
        let sorted = rows.values.sorted { NaturalOrder.isBefore($0.node, $1.node) }
        return showsStorage
            ? Table.lines([NodeStatus.storageHead] + sorted.map(\.storageRow))
            : Table.lines([NodeStatus.head] + sorted.map(\.row))
    }

    mutating func show() {
        guard isTerminal else { return lines.forEach(StandardStreams.print) }
        // Home; each line to its end; what is below goes. The first time the screen is cleared.
        let text = lines.map { $0 + "\u{1B}[K\n" }.joined()
        StandardStreams.emit((isDrawn ? "\u{1B}[H" : "\u{1B}[H\u{1B}[2J") + text + "\u{1B}[J")
        isDrawn = true
    }
}

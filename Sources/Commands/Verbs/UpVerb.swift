import ArgumentParser
import FoundationEssentials
import Messages
import Spool
import UnixSignals

/// `estiba up`: everything on this machine, until it is told to end.
struct UpVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Run all parts on this machine, with nodes to try things on.",
        discussion: """
            Keys, settings and data lie in one folder and are kept from start to start. Each node has homes of its own \
            there, so three nodes do not fight over one. Ctrl-C stops all runs, then the parts. Where it runs on that \
            folder already, it prints a new console address and leaves.

            Examples:
              estiba up
              estiba up --nodes 10 --address 127.0.0.1:0
              estiba up --data /tmp/try --json
            """)

    @Option(help: "How many nodes.")
    var nodes = 3

    @Option(help: "Where the console listens; port 0 takes a free one.")
    var address = "127.0.0.1:7480"

    @Option(
        help: "The folder for everything; otherwise ~/.local/share/estiba, for root /var/lib/estiba.",
        completion: .directory)
    var data: String?

    @Flag(help: "Print one line of JSON when all is ready, and nothing else on stdout.")
    var json = false

    func validate() throws {
        if !(1...200).contains(nodes) { throw ValidationError("--nodes is 1 to 200") }
        if ListenAddress(address) == nil {
            throw ValidationError("--address is a loopback address and a port, as 127.0.0.1:7480")
        }
    }

    func run() async throws {
        guard let address = ListenAddress(address) else { return }
        let folder = try UpFolder(data)
        try folder.makeTop()
        guard let lock = try UpLock(folder) else { return try another(folder) }
        let wish = EndWish()
        // Trapped before anything is started, so that no part is left behind by an early Ctrl-C.
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in signals { wish.express() } }
            let start = try await UpStart.prepare(folder, nodes: nodes, address: address)
            try await live(start, wish)
            group.cancelAll()
        }
        _ = consume lock
    }

    /// A new console address for the `estiba up` that has the folder.
    private func another(_ folder: UpFolder) throws {
        guard let url = UpMemory.read(folder).url, Self.isReady(folder) else {
            throw CommandError.local(
                "another `estiba up` starts on \(folder.path): wait, or name another folder with --data")
        }
        let code = try LoginCode.leave(in: folder, for: UpAccount.owner(of: folder.codes))
        let address = code.address(at: url)
        if json { return StandardStreams.emit(StateLine.line(["url": url, "loginURL": address, "data": folder.path])) }
        StandardStreams.print(
            "Estiba runs already on \(folder.path).\n\n    Console   \(address)\n\nThe address logs you in once, within 15 minutes."
        )
    }

    /// Whether the gateway that the other `up` has started is alive.
    private static func isReady(_ folder: UpFolder) -> Bool {
        guard let bytes = try? File.contents(folder.pids),
            let pids = try? JSONDecoder().decode([String: Int32].self, from: Data(bytes))
        else { return false }
        return pids["gateway"].map(Processes.isAlive) ?? false
    }

    private func live(_ start: UpStart, _ wish: EndWish) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await start.household.run() }
            do {
                if let ready = try await start.ready(unless: wish) {
                    try greet(ready)
                    await wish.isExpressed()
                    StandardStreams.say("stopping what runs, then the parts")
                    let gateway = Gateway(StoredLogin(gateway: ready.url, token: ready.token))
                    await RunsEnder(folder: start.folder, gateway: gateway).run()
                }
            } catch {
                await start.household.stop()
                throw error
            }
            await start.household.stop()
            try await group.waitForAll()
        }
    }

    private func greet(_ ready: UpStart.Ready) throws {
        if json { return StandardStreams.emit(StateLine.line(ready)) }
        try StoredLogin(gateway: ready.url, token: ready.token, user: UpAccount.invokingUser).save()
        let nodes = NodeSet.fold(ready.nodes.compactMap { NodeName($0) })
        StandardStreams.print(
            """
            Estiba runs: broker, gateway, authenticator and \(nodes), data in \(ready.data)

                Console   \(ready.loginURL)
                Try       estiba run -n '*' -- uptime

            The address logs you in once, within 15 minutes. Ctrl-C stops everything.
            """)
    }
}

import ArgumentParser
import Bus
import Dispatch
import Sodium
import Synchronization
import UnixSignals

/// `estiba swarm`: simulated workers with real links.
struct SwarmVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swarm", abstract: "Connect simulated workers to a broker: real links, played commands.",
        discussion: """
            Each node takes orders, checks their tickets, and answers as a worker does. It plays true, false, exit N, \
            echo WORDS, seq N and sleep SECONDS, and runs nothing. The registry of brokers and gateways must know the \
            nodes: --registry prints its lines.

            Examples:
              estiba swarm --nodes 500 --registry >> registry
              estiba swarm --nodes 500 --broker '127.0.0.1:7400 PUBLICKEY' --authority PUBLICKEY
            """)

    @Option(help: "How many nodes.")
    var nodes = 100

    @Option(help: "The number of the first node.")
    var first = 1

    @Option(help: "What the nodes' names begin with.")
    var prefix = "swarm"

    @Option(help: "What the nodes' keys are drawn from.")
    var seed: UInt64 = 1

    @Option(help: "A broker, as ADDRESS[:BASE] PUBLICKEY; may be given more than once.")
    var broker: [String] = []

    @Option(help: "The public key of the gateways' authority.")
    var authority: String?

    @Flag(help: "Print the registry's lines for these nodes and leave.")
    var registry = false

    func validate() throws {
        guard (1...20_000).contains(nodes), first >= 1 else { throw ValidationError("--nodes is 1 to 20000") }
        guard !registry, broker.isEmpty || authority == nil else { return }
        throw ValidationError("name a --broker and the --authority, or ask for the --registry")
    }

    func run() async throws {
        let keys = SwarmKeys(prefix: prefix, seed: seed)
        let numbers = first...(first + nodes - 1)
        if registry { return print(keys.registryLines(numbers), terminator: "") }
        let brokers = try broker.map { text in
            guard let address = BrokerAddress(text) else {
                throw ValidationError("--broker \(text) is not ADDRESS[:BASE] PUBLICKEY")
            }
            return address
        }
        guard let key = authority.flatMap({ Hex.decode($0) }), key.count == 32 else {
            throw ValidationError("--authority is 64 hex digits")
        }
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let swarm = try Swarm(keys, nodes: numbers, authority: key, brokers: brokers)
        let (count, links) = (swarm.count, numbers.count * brokers.count)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await Self.tell(count, of: links) }
            for await _ in signals { break }
            group.cancelAll()
        }
        swarm.stop()
    }

    /// A line whenever the numbers have changed, at most once a second.
    private static func tell(_ count: SwarmCount, of links: Int) async {
        var told: SwarmCount.Numbers?
        while !Task.isCancelled {
            let now = count.now
            if now != told {
                print("connected \(now.connected) of \(links), accepted \(now.accepted), refused \(now.refused)")
                told = now
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }
}

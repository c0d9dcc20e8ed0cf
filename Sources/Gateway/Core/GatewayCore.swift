import Bus
import Logging
import Messages
import ServiceLifecycle
import Synchronization
import ZeroMQ

/// What the gateway is without HTTP; owns the journal, the logs, the blobs and the threads behind them.
final class GatewayCore: Service {
    struct Settings: Sendable {
        /// The gateway's own name, as in the registry.
        var name: String
        /// Its key file, the authority's, and the registry, as paths.
        var key: String
        var authority: String
        var registry: String
        /// `ADDRESS[:BASE] PUBLICKEY` each.
        var brokers: [String]
        /// The same as users' own programs reach them; `brokers` where it is empty.
        var publicBrokers: [String] = []
        /// The folder of the journal, logs and blobs; made with mode 0700 where it is missing.
        var data: String
        var uploads = Uploads.Limits()
        /// Of copies of other gateways' logs.
        var mirrors = MirrorRoom.Bounds()
        var retention = Retention()
        /// Starts with what is whole of a damaged journal.
        var acceptsDamagedJournal = false
    }

    let executions: Executions
    let nodes: NodeTable
    let logs: Logs
    let reading: LineReading
    let blobs: BlobStore
    let services: Services
    let uploads: Uploads
    let grants: Grants
    let statuses: Statuses
    let adopter: Adopter
    let revoker: Revoker
    /// No other process works on the folder while this lives.
    private let lock: FolderLock
    private let peers: Peers
    let mirrors: Mirrors
    let sweeper: Sweeper
    let retention: Retention
    let dataFolder: String
    private let keys: KeyRing
    private let bus: BusThread
    private let copier: CopierThread
    private let inbox: AsyncStream<[Incoming]>.Continuation
    private let logger: Logger

    /// Opens the journal, the logs and the threads; throws what is wrong with a file, naming it.
    init(settings: Settings, logger: Logger) throws {
        let pair = try KeyPair(path: settings.key)
        let keys = try KeyRing(authority: KeyPair(path: settings.authority), registry: settings.registry)
        let brokers = try Self.addresses(settings.brokers)
        let publicBrokers = try Self.addresses(settings.publicBrokers)
        try BlobStore.makeFolder(settings.data + "/logs")
        lock = try FolderLock(of: settings.data)
        lock.sign()
        try AdoptionMark.refuse(settings.data)
        let (inbox, inboxEnd) = AsyncStream.makeStream(of: [Incoming].self)
        let nodes = NodeTable()
        let logs = Logs(folder: settings.data + "/logs", mirrors: settings.data + "/mirrors", logger: logger)
        let blobs = try BlobStore(folder: settings.data + "/blobs", retention: settings.retention)
        let bulk = Bulk(store: blobs)
        let bus = BusThread()
        let copier = CopierThread()
        let statuses = Statuses { bus.send([.follow]) }
        nodes.apply([.registered(keys.nodes)])

        self.keys = keys
        self.nodes = nodes
        self.logs = logs
        reading = LineReading(logs: logs)
        self.blobs = blobs
        uploads = try Uploads(store: blobs, limits: settings.uploads)
        self.statuses = statuses
        self.bus = bus
        self.copier = copier
        self.inbox = inboxEnd
        self.logger = logger
        services = Services(nodes: nodes, bus: { bus.send($0) })
        let journal = try Journal(
            path: settings.data + "/journal.sqlite", acceptsDamage: settings.acceptsDamagedJournal)
        grants = Grants(
            journal: journal, brokers: publicBrokers.isEmpty ? brokers : publicBrokers,
            isRegistered: { keys.isRegistered($0) }, bus: { bus.send($0) }, logger: logger)
        let name = Journal.Name(gateway: settings.name, authority: keys.authorityText)
        try journal.claim(name)
        let own = Principal(.gateway, settings.name)
        let others = Others(journal: journal, nodes: nodes, logger: logger)
        let line = PeerLine(own: own, key: keys.peers, bus: { bus.send($0) }, logger: logger)
        let mirrors = try Mirrors(
            logs: logs, line: line, others: others, bounds: settings.mirrors, period: settings.retention.period,
            logger: logger)
        self.mirrors = mirrors
        let stops = StopsHandedOn(
            journal: journal, line: line, others: others, nodes: nodes, bus: { bus.send($0) }, logger: logger)
        retention = settings.retention
        dataFolder = settings.data
        sweeper = Sweeper(retention: settings.retention, journal: journal, logs: logs, blobs: blobs, logger: logger)
        executions = Executions(
            Executions.Surroundings(
                owner: own,
                journal: journal,
                logs: logs, blobs: blobs, nodes: nodes, bulk: bulk, bus: { bus.send($0) },
                copier: { copier.call($0) }, logger: logger, others: others, mirrors: mirrors,
                stops: stops, retention: settings.retention),
            inbox: (inbox, inboxEnd))
        revoker = Revoker(journal: journal, executions: executions, bus: { bus.send($0) }, logger: logger)
        let peers = Peers(
            line: line, others: others, mirrors: mirrors, stops: stops, executions: executions, logs: logs, keys: keys,
            logger: logger)
        self.peers = peers
        adopter = Adopter(
            executions: executions, journal: journal, logs: logs, blobs: blobs, others: others, grants: grants,
            revoker: revoker, name: name, logger: logger)
        let context = try Context()
        try copier.start(
            context, logs: logs, keys: keys, logBytes: settings.retention.logBytes,
            sinks: Copier.Sinks(bus: { bus.send($0) }, executions: { inboxEnd.yield($0) }), logger: logger)
        let sinks = BusEnd.Sinks(
            executions: { inboxEnd.yield($0) }, logs: { copier.receive($0) },
            files: { wanted in bulk.serve(wanted) { bus.send($0) } }, statuses: statuses,
            peers: { peers.receive($0) })
        bus.prepare(context) { loop throws(ZeroMQError) in
            let end = BusEnd(own: own, keys: keys, nodes: nodes, sinks: sinks, logger: logger)
            try end.start(on: loop, pair: pair, brokers: brokers, program: Program.version)
            return end
        }
    }

    /// The life of the core: takes up what was unfinished, connects to the brokers, and returns after a graceful shutdown or
    /// cancellation, when what was received is on the disk.
    func run() async throws {
        try await executions.resume()
        try await peers.stops.resume()
        try await peers.others.resume { [executions] user, views in await executions.publish(user: user, views) }
        try bus.start()
        try await grants.tell()
        try await revoker.resume()
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.executions.run() }
                group.addTask { await self.watchRegistry() }
                group.addTask { await self.uploads.run() }
                group.addTask { await self.peers.run() }
                group.addTask { await self.sweeper.run() }
                group.addTask { await self.revoker.run() }
                await group.waitForAll()
            }
        }
        bus.stop()
        copier.stop()
        await executions.close()
        await peers.others.close()
        nodes.close()
        statuses.close()
    }

    private static func addresses(_ texts: [String]) throws(Failure) -> [BrokerAddress] {
        try texts.map { text throws(Failure) in
            guard let broker = BrokerAddress(text) else {
                throw Failure(.badRequest, "“\(text)” is not a broker: ADDRESS[:BASE] PUBLICKEY.")
            }
            return broker
        }
    }

    /// A node that is added to the registry, or taken from it, counts within two seconds.
    private func watchRegistry() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(2))
            do {
                if try keys.reload() { nodes.apply([.registered(keys.nodes)]) }
            } catch {
                logger.error("registry unusable", metadata: ["reason": "\(error)"])
            }
        }
    }
}

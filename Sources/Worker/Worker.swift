import Bus
import Glibc
import Logging
import Messages
import ServiceLifecycle
import Settings
import Spool
import SwiftProtobuf
import ZeroMQ

/// One node's worker: takes orders from the bus, runs them as the user, and sends back every byte.
package struct Worker: Service {
    private let settings: WorkerSettings
    private let log = Logger(label: "estiba.worker")

    init(_ settings: WorkerSettings) {
        self.settings = settings
    }

    /// Runs until the task is cancelled or the process is asked to end; runs of users go on without it.
    package func run() async throws {
        guard
            let keys = NodeKeys(
                nodeSecret: settings.key.secretKey, nodePublic: settings.key.publicKey,
                authorityPublic: settings.authority)
        else { throw WorkerSettings.Unusable(description: "authority: not a usable public key") }
        let store = try RunStore(data: settings.data)
        let kept = try store.all()
        let cacheFolder = try CacheFolder(data: settings.data)
        var cache = Cache(limit: settings.cacheBytes ?? CacheFolder.defaultLimit(data: settings.data))
        for list in try cacheFolder.all() {
            for blob in cache.add(list) { cacheFolder.remove(blob) }
        }
        let context = try Context()
        let (settings, log) = (settings, log)
        let thread = try PollLoop.Thread(name: "worker", context: context) { [cache] loop in
            let site = try Site(
                settings, keys: keys, store: store, cache: (cache, cacheFolder), isRoot: geteuid() == 0, on: loop)
            let node = Node(site, log: log)
            site.link = try Link(
                .node, brokers: settings.brokers, keys: settings.key, hello: Self.hello(settings, runs: []), on: loop
            ) { [node] events in node.receive(events) }
            node.takeUp(kept)
            site.link?.setHello(Self.hello(settings, runs: node.liveRuns))
        }
        log.info("ready", metadata: ["node": "\(settings.name)", "runs": "\(kept.count { !$0.isSettled })"])
        Daemon.tellReady()
        try? await gracefulShutdown()
        thread.stop()
        thread.join()
    }

    private static func hello(_ settings: WorkerSettings, runs: [ExecutionID]) -> WireHello {
        .with {
            $0.versionOldest = UInt32(ProtocolVersion.oldest)
            $0.versionNewest = UInt32(ProtocolVersion.newest)
            $0.program = Program.version
            $0.addresses = Addresses.read()
            $0.labels = settings.labels
            $0.facts = Facts.read()
            $0.takes = ["deploy", "run", "shell"]
            $0.runs = runs.map { .init($0.bytes) }
            $0.enrolment = NodeKeys.enrolment(of: settings.key.publicKey)
            $0.startedMilliseconds = WallClock.milliseconds
        }
    }
}

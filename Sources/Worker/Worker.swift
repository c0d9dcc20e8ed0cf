import Bus
import CLinux
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
    private static let settled = Duration.seconds(5)

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
        let profiles = await Profiles.load(settings.profiles, log: log)
        let (settings, log) = (settings, log)
        let thread = try PollLoop.Thread(name: "worker", context: context) { [cache] loop in
            let site = try Site(
                settings, keys: keys, store: store, cache: (cache, cacheFolder), isRoot: geteuid() == 0,
                profiles: profiles, log: log, on: loop)
            let node = Node(site, log: log)
            site.link = try Link(
                .node, brokers: settings.brokers, keys: settings.key, hello: node.hello, on: loop
            ) { [node] events in node.receive(events) }
            node.takeUpRevocations()
            node.takeUp(kept)
            node.sweepNowAndThen()
            site.services.tell = { [weak node] in node?.sayHello() }
            node.sayHello()
            // Settings, profiles and the first connection need much of the libraries that a worker at work does not.
            loop.after(Self.settled) { estiba_forget_start_pages(1) }
        }
        log.info("ready", metadata: ["node": "\(settings.name)", "runs": "\(kept.count { !$0.isSettled })"])
        Daemon.tellReady()
        try? await gracefulShutdown()
        thread.stop()
        thread.join()
        // A node that is away advertises nothing.
        settings.avahi?.write(Services(), log: log)
    }
}

internal import Bus
internal import Logging
internal import Messages
internal import ServiceLifecycle
internal import Settings
internal import ZeroMQ

/// A broker: doorkeeper, commands, output and bulk, each on a thread of its own; nothing on disk but what it is told.
package struct Broker: Service {
    private let settings: BrokerSettings
    private let log = Logger(label: "broker")

    package init(_ settings: BrokerSettings) { self.settings = settings }

    /// Runs until shutdown is asked for, or throws where a port or the registry cannot be had.
    package func run() async throws {
        let running = try start()
        Daemon.tellReady()
        try? await gracefulShutdown()
        running.stop()
    }

    /// Starts the threads; returns when all ports are bound.
    package func start() throws -> Running {
        // Three descriptors a worker; libzmq spins when they run out.
        OpenFiles.raiseLimit()
        let file = try RegistryFile(path: settings.registryPath)
        let instance = UInt64.random(in: 1...UInt64.max)
        let parts = Parts()
        var running = Running()
        do {
            let context = try Context(ioThreads: 2)
            try running.add("doorkeeper", context) { [log] loop in
                parts.doorkeeper.fill(
                    try Doorkeeper(file, on: loop, log: log) { registry in
                        parts.output.post { $0.replace(registry) }
                        parts.commands.post { $0.replace(registry) }
                        parts.bulk.post { $0.replace(registry) }
                    }, on: loop)
            }
            let registry = file.registry
            try running.add("output", context) { [log, settings] loop in
                let lane = try OutputLane(settings, registry, on: loop, log: log, doorkeeper: parts.doorkeeper)
                parts.output.fill(lane, on: loop)
            }
            try running.add("bulk", context) { [log, settings] loop in
                parts.bulk.fill(try BulkLane(settings, registry, instance: instance, on: loop, log: log), on: loop)
            }
            try running.add("commands", context) { [log, settings] loop in
                let lane = try CommandsLane(
                    settings, registry, instance: instance, on: loop, log: log, output: parts.output)
                parts.commands.fill(lane, on: loop)
            }
        } catch {
            running.stop()
            throw error
        }
        log.info("ready", metadata: ["port": "\(settings.base)", "peers": "\(file.registry.peers.count)"])
        return running
    }

    /// The lanes, as they reach one another.
    private struct Parts: Sendable {
        let doorkeeper = Remote<Doorkeeper>()
        let output = Remote<OutputLane>()
        let bulk = Remote<BulkLane>()
        let commands = Remote<CommandsLane>()
    }

    /// The threads of a broker that has been started.
    package struct Running: Sendable {
        private var threads: [PollLoop.Thread] = []

        fileprivate init() {}

        fileprivate mutating func add(
            _ name: String, _ context: Context, _ setUp: @escaping @Sendable (PollLoop) throws -> Void
        ) throws {
            threads.append(try PollLoop.Thread(name: name, context: context, setUp: setUp))
        }

        /// Ends the lanes before the doorkeeper, and returns when their ports are free.
        package func stop() {
            for thread in threads.reversed() {
                thread.stop()
                thread.join()
            }
        }
    }
}

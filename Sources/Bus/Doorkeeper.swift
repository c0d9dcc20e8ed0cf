package import Logging
package import Messages
private import Sodium
package import ZeroMQ

/// Answers libzmq's question who may come in (ZAP, RFC 27), on a loop of its own; reads the registry again on change.
///
/// Must be there before a socket is bound; while it does not answer nobody new is admitted.
package final class Doorkeeper {
    private static let look: Duration = .seconds(1)

    private let loop: PollLoop
    private let socket: Socket
    private let log: Logger
    private var file: RegistryFile
    private var policy: DoorPolicy
    private let changed: (Registry) -> Void

    /// `changed` is called on the loop with every new registry.
    package init(
        _ file: RegistryFile, on loop: PollLoop, log: Logger, changed: @escaping (Registry) -> Void
    ) throws(ZeroMQError) {
        self.loop = loop
        self.file = file
        self.log = log
        self.changed = changed
        policy = DoorPolicy(registry: file.registry, openedAt: loop.now)
        socket = try Socket(.rep, in: loop.context)
        try socket.bind("inproc://zeromq.zap.01")
        loop.add(socket, frames: 8) { [unowned self] in answer(&$0) }
        loop.after(Self.look, every: Self.look) { [unowned self] in lookAgain() }
    }

    package func refuse(_ principal: Principal, for time: Duration) {
        policy.refuse(principal, until: loop.now + time)
    }

    /// The keys of users that stand, in full.
    package func grant(_ principals: [[UInt8]: Principal]) { policy.grant(principals) }

    /// Frames: version, request id, domain, address, routing id, mechanism, then for CURVE the client's public key.
    private func answer(_ request: inout Multipart) {
        guard request.count >= 2 else { return }
        let id = request[1].bytes
        guard request.count == 7, request[5].bytes == Array("CURVE".utf8) else {
            return reply(id, "400", "malformed", user: "")
        }
        let domain = String(decoding: request[2].bytes, as: UTF8.self)
        let key = request[6].bytes
        switch policy.admit(key: key, domain: domain, at: loop.now) {
        case .admitted(let principal): reply(id, "200", "", user: principal.description, key: key)
        // After 300 a client tries again when its handshake has timed out; after 400 libzmq's never does.
        case .later: reply(id, "300", "", user: "")
        case .refused(let reason, let fingerprint, let isNew):
            reply(id, "400", reason.rawValue, user: "")
            guard isNew else { return }
            let address = String(decoding: request[3].bytes, as: UTF8.self)
            log.warning(
                "refused",
                metadata: [
                    "reason": "\(reason.rawValue)", "fingerprint": "\(fingerprint)", "port": "\(domain)",
                    "address": "\(address)",
                ])
        }
    }

    private func reply(_ id: [UInt8], _ status: String, _ text: String, user: String, key: [UInt8] = []) {
        let metadata = key.isEmpty ? [] : Self.property(Frame.keyProperty, Hex.encode(key))
        let parts = [Array("1.0".utf8), id, Array(status.utf8), Array(text.utf8), Array(user.utf8), metadata]
        if socket.send(parts) != .done { log.error("a ZAP reply was not taken") }
    }

    /// A property of ZMTP's metadata (RFC 23): length u8, name, length u32 in network order, value.
    private static func property(_ name: StaticString, _ value: String) -> [UInt8] {
        let name = name.withUTF8Buffer { Array($0) }
        let length = withUnsafeBytes(of: UInt32(value.utf8.count).bigEndian) { Array($0) }
        return [UInt8(name.count)] + name + length + Array(value.utf8)
    }

    private func lookAgain() {
        do {
            guard let registry = try file.reload() else { return }
            policy.replace(registry)
            log.info("registry read", metadata: ["peers": "\(registry.peers.count)"])
            changed(registry)
        } catch {
            log.error("the registry stays as it was", metadata: ["reason": "\(error)"])
        }
    }
}

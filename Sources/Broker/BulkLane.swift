internal import Bus
internal import Logging
internal import Messages
private import SwiftProtobuf
internal import ZeroMQ

/// The bulk lane: one ROUTER between gateways and nodes. A connection says an empty hello first; the newest one counts.
final class BulkLane {
    /// Chunks of 1 MiB waiting for one peer.
    private static let queue: Int32 = 32

    private let loop: PollLoop
    private let log: Logger
    private let socket: Socket
    private let instance: UInt64
    private var registry: Registry
    private var names = SenderNames()
    private var drops = Drops()
    private var waiting = RequestsWaiting()
    private static let again = Duration.milliseconds(2)
    private var isLooking = false
    private var places: [Principal: (id: [UInt8], connection: PeerConnection?)] = [:]

    init(_ settings: BrokerSettings, _ registry: Registry, instance: UInt64, on loop: PollLoop, log: Logger) throws {
        self.loop = loop
        self.log = log
        self.instance = instance
        self.registry = registry
        socket = try settings.socket(.router, .bulk, on: loop, queue: Self.queue)
        loop.add(socket, frames: 6) { [unowned self] in received(&$0) }
    }

    func replace(_ registry: Registry) {
        for peer in self.registry.peers where registry[peer.principal]?.publicKey != peer.publicKey {
            places.removeValue(forKey: peer.principal)?.connection?.cutOff()
        }
        self.registry = registry
    }

    private func received(_ message: inout Multipart) {
        guard message.count > 1, let sender = names.sender(of: message[1]) else { return drop("no sender", "") }
        guard (4...5).contains(message.count), !message.isOversized else {
            return drop("not 4 or 5 frames", sender.text)
        }
        let header: Header
        do {
            header = try Header(bytes: message[2].bytes)
        } catch {
            guard case .version(let found) = error else { return drop("malformed header", sender.text) }
            return drop("protocol version \(found)", sender.text)
        }
        let id = message[0].bytes
        if message[1].count == 0 {
            guard header.verb == .hello else { return drop("a verb the broker does not know", sender.text) }
            guard registry[message[1].senderKey ?? []]?.principal == sender.principal else {
                PeerConnection(of: message[1])?.cutOff()
                return drop("not known any more", sender.text)
            }
            places[sender.principal] = (id, PeerConnection(of: message[1]))
            let body = WireWelcome.with {
                $0.instance = instance
                $0.version = UInt32(ProtocolVersion.newest)
                $0.shares = true
            }
            _ = socket.tell(id, Header(.welcome), body.bytes)
            return
        }
        guard places[sender.principal]?.id == id else {
            _ = socket.tell(id, Header(.helloAsked))
            return
        }
        if message[1].count == 1, message[1].bytes == [UInt8(ascii: "*")] {
            return share(&message, header, from: sender, id)
        }
        forward(&message, header, from: sender, id)
    }

    /// Sends each node that is named the same body by reference.
    private func share(_ message: inout Multipart, _ header: Header, from sender: SenderNames.Sender, _ id: [UInt8]) {
        guard sender.principal.role == .gateway, message.count == 5 else { return drop("not for several", sender.text) }
        var names = ByteReader(message[4].bytes)
        var missing: [Failure.Code: [String]] = [:]
        while names.remaining > 0 {
            guard let name = names.short() else { return drop("malformed names", sender.text) }
            let peer = Principal(.node, name)
            guard let place = places[peer] else {
                missing[.unreachable, default: []].append(name)
                continue
            }
            switch socket.share(&message, to: place.id, from: sender.bytes) {
            case .done: continue
            case .full: missing[.busy, default: []].append(name)
            case .unreachable:
                places[peer] = nil
                missing[.unreachable, default: []].append(name)
            }
        }
        for (code, nodes) in missing { socket.tellAbsent(id, header, nodes: nodes, code: code) }
    }

    private func forward(_ message: inout Multipart, _ header: Header, from sender: SenderNames.Sender, _ id: [UInt8]) {
        guard let peer = message[1].withBytes({ names.principal($0) }) else { return drop("no such peer", sender.text) }
        let roles: Set = [sender.principal.role, peer.role]
        guard roles.contains(.gateway), roles.isSubset(of: [.gateway, .node]) else {
            return drop("not allowed to that peer", sender.text)
        }
        guard let place = places[peer] else {
            return socket.tellAbsent(id, header, nodes: [peer.name], code: .unreachable)
        }
        if waiting.isWaiting(for: peer) {
            if wait(&message, for: peer, from: sender) { return }
            // What is long does not overtake what waits.
            handOnWaiting()
        }
        switch socket.handOn(&message, to: place.id, from: sender.bytes) {
        case .done: return
        case .full:
            if peer.role == .gateway, wait(&message, for: peer, from: sender) { return }
            socket.tellAbsent(id, header, nodes: [peer.name], code: .busy)
        case .unreachable:
            places[peer] = nil
            socket.tellAbsent(id, header, nodes: [peer.name], code: .unreachable)
        }
    }

    // MARK: Requests that wait

    /// False where it is not one that may.
    private func wait(_ message: inout Multipart, for gateway: Principal, from sender: SenderNames.Sender) -> Bool {
        let length = (2..<message.count).reduce(0) { $0 + message[$1].count }
        guard length <= RequestsWaiting.longest else { return false }
        let frames = (2..<message.count).map { message[$0].bytes }
        guard waiting.add(.init(sender: sender.text, frames: frames), for: gateway) else { return false }
        if !isLooking {
            isLooking = true
            lookAgain()
        }
        return true
    }

    private func handOnWaiting() {
        waiting.handOn { gateway, request in
            // One that is gone has its nodes ask again.
            guard let place = places[gateway] else { return true }
            return socket.send([place.id, Array(request.sender.utf8)] + request.frames) != .full
        }
    }

    private func lookAgain() {
        loop.after(Self.again) { [unowned self] in
            handOnWaiting()
            isLooking = waiting.count > 0
            if isLooking { lookAgain() }
        }
    }

    private func drop(_ reason: String, _ sender: String) { drops.add(reason, from: sender, at: loop.now, log: log) }
}

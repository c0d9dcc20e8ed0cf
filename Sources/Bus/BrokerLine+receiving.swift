internal import Messages
private import SwiftProtobuf
internal import ZeroMQ

/// What came by the sockets, as events.
extension BrokerLine {
    func received(_ message: inout Multipart, on lane: Link.Lane) {
        guard message.count >= 3, !message.isOversized else { return }
        let headerBytes = message[1].bytes
        let sender = message[0].withBytes { senders[$0] }
        let header: Header
        do {
            header = try Header(bytes: headerBytes)
        } catch {
            if case .version(let found) = error { foreign(found, from: sender) }
            return
        }
        let body = message[2].bytes
        if lane == .commands { apply(state.receive(.heard, at: loop.now)) }
        guard sender == nil else {
            let tag = message.count > 3 ? message[3].bytes : []
            bulk?.used(at: loop.now, if: lane == .bulk)
            return take(header, headerBytes, body, tag, from: sender, on: lane)
        }
        switch (header.verb, lane) {
        case (.welcome, .commands):
            guard let welcome = try? WireWelcome(serializedBytes: body) else { return }
            apply(state.receive(.welcomed(instance: welcome.instance), at: loop.now))
        case (.welcome, .bulk):
            let welcome = try? WireWelcome(serializedBytes: body)
            bulk?.welcomed(shares: welcome?.shares == true, at: loop.now)
        case (.helloAsked, .commands):
            apply(state.receive(header.sequence == Header.unheard ? .unheard : .helloAsked, at: loop.now))
        case (.helloAsked, .bulk): bulk?.sayHello(at: loop.now)
        case (.heartbeat, .commands) where role == .gateway && header.sequence != 0:
            events.append(.beat(broker: index, digest: header.sequence))
        case (.heartbeat, _): break
        case (.failure, .commands):
            guard let failure = try? WireFailure(serializedBytes: body) else { return }
            events.append(.refused(broker: index, Failure(failure)))
        default: take(header, headerBytes, body, [], from: nil, on: lane)
        }
    }

    /// Somebody speaks a version that this program does not know: said here and there, once for each and line.
    private func foreign(_ version: UInt8, from sender: Principal?) {
        guard foreigners.count < Self.mostForeigners,
            foreigners.insert("\(version) \(sender?.description ?? "")").inserted
        else { return }
        let known = "versions \(ProtocolVersion.oldest) to \(ProtocolVersion.newest)"
        let who = sender?.description ?? "the broker"
        events.append(
            .refused(broker: index, Failure(.version, "\(who) speaks version \(version), this program \(known)")))
        guard let sender else { return }
        let failure = Failure(.version, "the other side speaks \(known)")
        guard let body: [UInt8] = try? failure.wire.serializedBytes() else { return }
        sendCommand([Array(sender.description.utf8), Header(.failure).bytes, body])
    }

    private func take(
        _ header: Header, _ headerBytes: [UInt8], _ body: [UInt8], _ tag: [UInt8], from sender: Principal?,
        on lane: Link.Lane
    ) {
        let incoming = Link.Incoming(
            lane: lane, broker: index, sender: sender, header: header, headerBytes: headerBytes, body: body, tag: tag)
        events.append(.message(incoming))
    }

    func interestChanged(_ message: inout Multipart) {
        let bytes = message[0].bytes
        guard let first = bytes.first, first <= 1 else { return }
        let prefix = Array(bytes.dropFirst())
        if first == 1 { interest.insert(prefix) } else { interest.remove(prefix) }
        events.append(.interest(broker: index, prefix: prefix, isWanted: first == 1))
    }

    func published(_ message: inout Multipart) {
        let topic = message[0].bytes
        var parts: [[UInt8]] = []
        for part in 1..<max(1, message.count) { parts.append(message[part].bytes) }
        events.append(.output(Link.Output(broker: index, topic: topic, parts: parts)))
    }
}

internal import Messages
internal import SwiftProtobuf
internal import ZeroMQ

extension Socket {
    /// Hands a received `[routing id][peer][header][body][tag?]` on: the receiver's routing id and the sender's name
    /// take the places of the first two, the rest is moved. What could not be sent is as it was.
    func handOn(_ message: inout Multipart, to id: [UInt8], from sender: [UInt8]) -> Sent {
        var target = Frame(id)
        let sent = send(&target, more: true)
        guard sent == .done else { return sent }
        var name = Frame(sender)
        _ = send(&name, more: true)
        for index in 2..<message.count { _ = send(&message[index], more: index + 1 < message.count) }
        return .done
    }

    /// Sends header and body of a received message to one of several, the body by reference.
    func share(_ message: inout Multipart, to id: [UInt8], from sender: [UInt8]) -> Sent {
        var target = Frame(id)
        let sent = send(&target, more: true)
        guard sent == .done else { return sent }
        var name = Frame(sender)
        var header = Frame(sharing: &message[2])
        var body = Frame(sharing: &message[3])
        _ = send(&name, more: true)
        _ = send(&header, more: true)
        return send(&body)
    }

    /// Sends a peer the broker's own word.
    func tell(_ id: [UInt8], _ header: Header, _ body: [UInt8] = []) -> Sent {
        send([id, [], header.bytes, body])
    }

    /// Tells a sender whom its message did not reach.
    func tellAbsent(_ id: [UInt8], _ header: Header, nodes: [String], code: Failure.Code) {
        let absent = WireAbsent.with {
            $0.nodes = nodes
            $0.code = code.rawValue
        }
        _ = tell(id, Header(.absent, header.execution, sequence: header.sequence), absent.bytes)
    }
}

extension SwiftProtobuf.Message {
    /// The body's bytes. A message made here has no required fields and no invalid text, so it always can be written.
    var bytes: [UInt8] { (try? serializedBytes()) ?? [] }
}

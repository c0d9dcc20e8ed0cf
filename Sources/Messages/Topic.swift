/// A topic of the output lane: ASCII parts, each ended by `/`, so that no prefix of one name matches another.
package enum Topic: Hashable, Sendable {
    case output(user: String, ExecutionID, NodeName)
    case event(user: String, ExecutionID, NodeName)
    case status(NodeName)
    case presence(NodeName)

    package var description: String {
        switch self {
        case .output(let user, let execution, let node): "output/\(Self.encode(user))/\(execution)/\(node)/"
        case .event(let user, let execution, let node): "event/\(Self.encode(user))/\(execution)/\(node)/"
        case .status(let node): "status/\(node)/"
        case .presence(let node): "presence/\(node)/"
        }
    }

    package var bytes: [UInt8] { Array(description.utf8) }

    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count <= 512 else { return nil }
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: "/", omittingEmptySubsequences: false).map(
            String.init)
        guard parts.last == "" else { return nil }
        switch (parts.first, parts.count) {
        case ("output", 5), ("event", 5):
            guard let user = Self.decode(parts[1]), let execution = ExecutionID(parts[2]), let node = NodeName(parts[3])
            else { return nil }
            self = parts[0] == "output" ? .output(user: user, execution, node) : .event(user: user, execution, node)
        case ("status", 3):
            guard let node = NodeName(parts[1]) else { return nil }
            self = .status(node)
        case ("presence", 3):
            guard let node = NodeName(parts[1]) else { return nil }
            self = .presence(node)
        default: return nil
        }
        guard self.bytes.elementsEqual(bytes) else { return nil }
    }

    /// The node a topic speaks of; only that node may publish it (presence: only the broker).
    package var node: NodeName {
        switch self {
        case .output(_, _, let node), .event(_, _, let node), .status(let node), .presence(let node): node
        }
    }

    package static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// Percent-encodes what is not plain (upper-case hex).
    package static func encode(_ name: String) -> String {
        let hex = Array("0123456789ABCDEF".utf8)
        var text: [UInt8] = []
        for byte in name.utf8 {
            if isPlain(byte) {
                text.append(byte)
            } else {
                text += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    package static func decode(_ part: String) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(part.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
                else { return nil }
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        guard !bytes.isEmpty, let name = String(validating: bytes, as: UTF8.self) else { return nil }
        return name
    }
}

internal import Messages
internal import ZeroMQ

/// Who sent a message, by its `User-Id`; parsed once per principal.
struct SenderNames {
    struct Sender {
        let principal: Principal
        let text: String
        let bytes: [UInt8]
    }

    /// The registry bounds the principals; this bounds what a peer can make up as a destination.
    private static let most = 100_000

    private var known: [[UInt8]: Sender] = [:]

    /// Nil for a message without a vouched name, which no port of ours lets in.
    mutating func sender(of frame: borrowing Frame) -> Sender? {
        guard let name = frame.property("User-Id") else { return nil }
        return look(Array(name.utf8))
    }

    /// Nil for what is no principal's text.
    mutating func principal(_ bytes: UnsafeRawBufferPointer) -> Principal? { look(Array(bytes))?.principal }

    private mutating func look(_ bytes: [UInt8]) -> Sender? {
        if let sender = known[bytes] { return sender }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let principal = Principal(text) else { return nil }
        if known.count >= Self.most { known = [:] }
        let sender = Sender(principal: principal, text: text, bytes: bytes)
        known[bytes] = sender
        return sender
    }
}

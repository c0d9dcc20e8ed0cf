internal import CZeroMQ

/// A ZeroMQ socket; it and everything on it belong to one thread for life.
///
/// Nothing here waits: a send that would is answered `.full`, a receive that would with false.
package final class Socket {
    package enum Kind: Sendable {
        case dealer, router, xpub, xsub, sub, rep
    }

    package enum Sent: Equatable, Sendable {
        case done
        /// The peer's queue is full, or nobody is connected.
        case full
        /// A mandatory router knows no such peer (EHOSTUNREACH).
        case unreachable
    }

    let handle: UnsafeMutableRawPointer
    /// Kept so that the context outlives its sockets.
    private let context: Context
    private var isClosed = false
    /// Something was done with it since `hasMessage` was asked: there may be a message of which its descriptor says nothing.
    private(set) var isTouched = true

    package init(_ kind: Kind, in context: Context, _ options: [Option] = []) throws(ZeroMQError) {
        let number: Int32 =
            switch kind {
            case .dealer: ZMQ_DEALER
            case .router: ZMQ_ROUTER
            case .xpub: ZMQ_XPUB
            case .xsub: ZMQ_XSUB
            case .sub: ZMQ_SUB
            case .rep: ZMQ_REP
            }
        guard let handle = zmq_socket(context.handle, number) else { throw ZeroMQError("zmq_socket") }
        self.handle = handle
        self.context = context
        for option in Option.always + options { try set(option) }
    }

    deinit { close() }

    /// Unsent messages are given up after the linger; a second close does nothing.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        zmq_close(handle)
    }

    package func set(_ option: Option) throws(ZeroMQError) {
        isTouched = true
        try option.apply(to: handle)
    }

    package func bind(_ endpoint: String) throws(ZeroMQError) {
        isTouched = true
        guard zmq_bind(handle, endpoint) == 0 else { throw ZeroMQError("zmq_bind \(endpoint)") }
    }

    package func connect(_ endpoint: String) throws(ZeroMQError) {
        isTouched = true
        guard zmq_connect(handle, endpoint) == 0 else { throw ZeroMQError("zmq_connect \(endpoint)") }
    }

    /// The endpoint bound last, with the port that was taken for a wildcard.
    package var lastEndpoint: String {
        var text = [UInt8](repeating: 0, count: 256)
        var count = text.count
        guard zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &text, &count) == 0, count > 0 else { return "" }
        return String(decoding: text.prefix(count - 1), as: UTF8.self)
    }

    /// Takes the next message into `message`; false when there is none now.
    package func receive(_ message: inout Multipart) -> Bool {
        isTouched = true
        return !isClosed && message.receive(from: handle)
    }

    /// Readable when `hasMessage` is worth asking, unless the socket was touched since (ZMQ_FD in zmq_getsockopt(3)).
    var descriptor: Int32 {
        var descriptor: Int32 = -1
        var size = MemoryLayout<Int32>.size
        guard !isClosed, zmq_getsockopt(handle, ZMQ_FD, &descriptor, &size) == 0 else { return -1 }
        return descriptor
    }

    /// Whether there is something to be received now.
    func hasMessage() -> Bool {
        isTouched = false
        var events: Int32 = 0
        var size = MemoryLayout<Int32>.size
        guard !isClosed, zmq_getsockopt(handle, ZMQ_EVENTS, &events, &size) == 0 else { return false }
        return events & ZMQ_POLLIN != 0
    }

    /// Sends one frame; when it is sent it is empty, else it is as it was.
    ///
    /// Only the first frame of a message can be refused; after it the rest goes (zmq_msg_send(3)).
    package func send(_ frame: inout Frame, more: Bool = false) -> Sent {
        guard !isClosed else { return .full }
        isTouched = true
        guard zmq_msg_send(&frame.raw, handle, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0 else { return .done }
        return zmq_errno() == EHOSTUNREACH ? .unreachable : .full
    }

    /// Sends the parts as one message.
    package func send(_ parts: [[UInt8]]) -> Sent {
        for (index, part) in parts.enumerated() {
            var frame = Frame(part)
            let sent = send(&frame, more: index + 1 < parts.count)
            guard sent == .done else { return sent }
        }
        return .done
    }
}

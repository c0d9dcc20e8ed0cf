internal import CZeroMQ

/// The socket options in use, typed; zmq_setsockopt(3) has their meaning.
package enum Option: Sendable {
    /// This end is the CURVE server with this secret key; admits only who the ZAP handler of `domain` lets in.
    case curveServer(secretKey: [UInt8], domain: String)
    case curveClient(publicKey: [UInt8], secretKey: [UInt8], serverKey: [UInt8])
    case routerMandatory
    case maxMessageSize(Int64)
    /// Pings each interval; a peer silent for the timeout is disconnected.
    ///
    /// Each costs a search through all timers of its I/O thread (libzmq 4.3.4, `cancel_timer`), so that thousands of them
    /// cost the square: for many peers `keepAlive` is the one to have.
    case heartbeats(every: Duration, timeout: Duration)
    /// The system asks after this much silence whether the other system is still there, so often, and then gives up.
    case keepAlive(after: Duration, every: Duration, tries: Int32)
    /// Waits between tries, doubled up to `upTo`; libzmq adds up to one `every` at random.
    case reconnect(every: Duration, upTo: Duration)
    /// Gives up a TCP connection that is not there by then, and begins another after the reconnect's wait; the system's own
    /// patience is two minutes.
    case connect(within: Duration)
    case linger(Duration)
    /// Messages per peer; zero would be no bound and is not to be had.
    case highWater(send: Int32, receive: Int32)
    /// Queue only to completed connections.
    case immediate
    case backlog(Int32)
    /// Of the kernel, for each connection; what lies there is still read after a peer has been cut off.
    case receiveBuffer(bytes: Int32)
    case handshake(Duration)
    case xpubManual
    /// XPUB: where one subscriber's queue is full a message is refused for all, instead of dropped for that one. Takes effect
    /// at once.
    case xpubNoDrop(Bool)
    /// SUB: follow a prefix. Manual XPUB: accept it for the peer whose request was received last.
    case subscribe([UInt8])
    /// SUB only. On a manual XPUB it acts on the wrong peer.
    case unsubscribe([UInt8])

    /// What every socket has unless it is given otherwise.
    static let always: [Option] = [.linger(.seconds(1)), .highWater(send: 1000, receive: 1000)]

    func apply(to handle: UnsafeMutableRawPointer) throws(ZeroMQError) {
        switch self {
        case .curveServer(let secretKey, let domain):
            try Self.set(handle, ZMQ_CURVE_SERVER, Int32(1))
            try Self.set(handle, ZMQ_CURVE_SECRETKEY, secretKey)
            try Self.set(handle, ZMQ_ZAP_DOMAIN, Array(domain.utf8))
            try Self.set(handle, ZMQ_ZAP_ENFORCE_DOMAIN, Int32(1))
        case .curveClient(let publicKey, let secretKey, let serverKey):
            try Self.set(handle, ZMQ_CURVE_SERVERKEY, serverKey)
            try Self.set(handle, ZMQ_CURVE_PUBLICKEY, publicKey)
            try Self.set(handle, ZMQ_CURVE_SECRETKEY, secretKey)
        case .routerMandatory: try Self.set(handle, ZMQ_ROUTER_MANDATORY, Int32(1))
        case .maxMessageSize(let bytes): try Self.set(handle, ZMQ_MAXMSGSIZE, bytes)
        case .heartbeats(let interval, let timeout):
            try Self.set(handle, ZMQ_HEARTBEAT_IVL, interval.wholeMilliseconds)
            try Self.set(handle, ZMQ_HEARTBEAT_TIMEOUT, timeout.wholeMilliseconds)
        case .keepAlive(let silence, let interval, let tries):
            try Self.set(handle, ZMQ_TCP_KEEPALIVE, Int32(1))
            try Self.set(handle, ZMQ_TCP_KEEPALIVE_IDLE, silence.wholeMilliseconds / 1000)
            try Self.set(handle, ZMQ_TCP_KEEPALIVE_INTVL, interval.wholeMilliseconds / 1000)
            try Self.set(handle, ZMQ_TCP_KEEPALIVE_CNT, tries)
        case .reconnect(let interval, let limit):
            try Self.set(handle, ZMQ_RECONNECT_IVL, interval.wholeMilliseconds)
            try Self.set(handle, ZMQ_RECONNECT_IVL_MAX, limit.wholeMilliseconds)
        case .connect(let limit): try Self.set(handle, ZMQ_CONNECT_TIMEOUT, limit.wholeMilliseconds)
        case .linger(let limit): try Self.set(handle, ZMQ_LINGER, limit.wholeMilliseconds)
        case .highWater(let send, let receive):
            precondition(send > 0 && receive > 0)
            try Self.set(handle, ZMQ_SNDHWM, send)
            try Self.set(handle, ZMQ_RCVHWM, receive)
        case .immediate: try Self.set(handle, ZMQ_IMMEDIATE, Int32(1))
        case .receiveBuffer(let bytes): try Self.set(handle, ZMQ_RCVBUF, bytes)
        case .backlog(let count): try Self.set(handle, ZMQ_BACKLOG, count)
        case .handshake(let limit): try Self.set(handle, ZMQ_HANDSHAKE_IVL, limit.wholeMilliseconds)
        case .xpubNoDrop(let isSet): try Self.set(handle, ZMQ_XPUB_NODROP, Int32(isSet ? 1 : 0))
        case .xpubManual: try Self.set(handle, ZMQ_XPUB_MANUAL, Int32(1))
        case .subscribe(let prefix): try Self.set(handle, ZMQ_SUBSCRIBE, prefix)
        case .unsubscribe(let prefix): try Self.set(handle, ZMQ_UNSUBSCRIBE, prefix)
        }
    }

    private static func set(_ handle: UnsafeMutableRawPointer, _ option: Int32, _ value: some FixedWidthInteger)
        throws(ZeroMQError)
    {
        var value = value
        guard zmq_setsockopt(handle, option, &value, MemoryLayout.size(ofValue: value)) == 0 else {
            throw ZeroMQError("zmq_setsockopt \(option)")
        }
    }

    private static func set(_ handle: UnsafeMutableRawPointer, _ option: Int32, _ value: [UInt8]) throws(ZeroMQError) {
        guard zmq_setsockopt(handle, option, value, value.count) == 0 else {
            throw ZeroMQError("zmq_setsockopt \(option)")
        }
    }
}

extension Duration {
    var wholeMilliseconds: Int32 {
        Int32(clamping: components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000)
    }
}

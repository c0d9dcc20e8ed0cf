package import Bus
package import Settings
internal import ZeroMQ

/// What a broker is told: broker.yaml, checked.
package struct BrokerSettings: Sendable {
    let listen: String
    let base: Int
    let keys: KeyPair
    let registryPath: String
    /// Of every hundred messages on the output lane this many are thrown away, to show that nothing is lost by it.
    let dropOutputPercent: Int

    package init(_ settings: Settings) throws {
        listen = settings.string("listen") ?? "127.0.0.1"
        base = try settings.int("port", default: BrokerAddress.defaultBase)
        guard (1...65_531).contains(base) else {
            throw SettingsError.wrong(key: "port", value: "\(base)", wanted: "the first of five ports")
        }
        keys = try KeyPair(path: settings.requiredPath("key"))
        registryPath = try settings.requiredPath("registry")
        dropOutputPercent = try settings.int("dropOutputPercent", default: 0)
        guard (0...90).contains(dropOutputPercent) else {
            throw SettingsError.wrong(key: "dropOutputPercent", value: "\(dropOutputPercent)", wanted: "0 to 90")
        }
    }

    package init(listen: String, base: Int, keys: KeyPair, registryPath: String) {
        self.listen = listen
        self.base = base
        self.keys = keys
        self.registryPath = registryPath
        dropOutputPercent = 0
    }

    /// A bound socket of the broker: CURVE, its port's ZAP domain, and the bounds that libzmq has.
    func socket(
        _ kind: Socket.Kind, _ port: Port, on loop: PollLoop, queue: Int32, _ more: [Option] = []
    ) throws(ZeroMQError) -> Socket {
        var options: [Option] = [
            .curveServer(secretKey: keys.secretKey, domain: port.domain),
            .highWater(send: queue, receive: queue),
            .maxMessageSize(port.mostBytes),
            port.watch,
            .linger(.milliseconds(500)),
            .backlog(4096),
            .handshake(port.handshake),
        ]
        if kind == .router { options.append(.routerMandatory) }
        let socket = try Socket(kind, in: loop.context, options + more)
        let address = listen.contains(":") && !listen.hasPrefix("[") ? "[\(listen)]" : listen
        try socket.bind("tcp://\(address):\(base + port.rawValue)")
        return socket
    }
}

extension Port {
    /// Long where thousands come back at once. Readers are few, and one who is told to come later (ZAP status 300) is let
    /// go by libzmq only when this ends.
    fileprivate var handshake: Duration { self == .subscribers ? .seconds(5) : .seconds(30) }

    /// How a connection is found dead. Workers are thousands, and say every 2 s that they are there; the rest are few.
    fileprivate var watch: Option {
        switch self {
        case .workers, .publishers: .keepAlive(after: .seconds(15), every: .seconds(5), tries: 3)
        case .gateways, .subscribers, .bulk: .heartbeats(every: .seconds(5), timeout: .seconds(15))
        }
    }

    /// The longest frame that is taken; a longer one ends the connection.
    fileprivate var mostBytes: Int64 {
        switch self {
        case .gateways, .workers: 16 << 20
        case .publishers: 1 << 20
        case .subscribers: 4096
        case .bulk: 2 << 20
        }
    }
}

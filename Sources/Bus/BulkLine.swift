internal import Messages
internal import ZeroMQ

/// The bulk socket to one broker: opened when it is needed; nothing is sent before the broker has welcomed it.
final class BulkLine {
    private static let idle: Duration = .seconds(60)
    /// A connection that is being made is tried this often: a file's first chunk waits for it.
    private static let knocking: Duration = .milliseconds(3)
    private static let helloAgain: Duration = .seconds(2)
    /// A welcomed connection says hello again now and then: after a reconnect the broker does not know it.
    private static let renewal: Duration = .seconds(5)
    /// Messages that wait for the welcome; more are refused.
    private static let waitingRoom = 64

    private let socket: Socket
    private let loop: PollLoop
    private var watch: PollLoop.Watch?
    private var waiting: [[[UInt8]]] = []
    private var isWelcome = false
    /// The broker takes one message for several nodes.
    private(set) var shares = false
    private var lastUse: ContinuousClock.Instant
    private var nextHello: ContinuousClock.Instant

    /// `highWater` in messages: a gateway sends pieces of 1 MiB, a node such of 64 KiB.
    init(
        _ address: BrokerAddress, keys: KeyPair, highWater: Int32, on loop: PollLoop,
        receive: @escaping (inout Multipart) -> Void,
        passed: @escaping () -> Void
    ) throws(ZeroMQError) {
        self.loop = loop
        lastUse = loop.now
        nextHello = loop.now
        socket = try Socket(.dealer, in: loop.context, BrokerLine.options(keys, address, highWater: highWater))
        try socket.connect(address.endpoint(.bulk))
        watch = loop.add(socket, frames: 5, receive: receive, passed: passed)
        knock(for: 300)
    }

    /// Says hello as soon as the connection is there, which takes some milliseconds.
    private func knock(for tries: Int) {
        guard watch != nil, !isWelcome, tries > 0 else { return }
        sayHello(at: loop.now)
        guard nextHello <= loop.now else { return }
        loop.after(Self.knocking) { [weak self] in self?.knock(for: tries - 1) }
    }

    func close() {
        if let watch { loop.remove(watch) }
        watch = nil
        socket.close()
    }

    func isIdle(at now: ContinuousClock.Instant) -> Bool { now - lastUse >= Self.idle }

    func used(at now: ContinuousClock.Instant, if isUsed: Bool) {
        if isUsed { lastUse = now }
    }

    func tick(at now: ContinuousClock.Instant) {
        if now >= nextHello { sayHello(at: now) }
    }

    func sayHello(at now: ContinuousClock.Instant) {
        guard socket.send([[], Header(.hello).bytes, []]) == .done else { return }
        nextHello = now + (isWelcome ? Self.renewal : Self.helloAgain)
    }

    func welcomed(shares: Bool, at now: ContinuousClock.Instant) {
        isWelcome = true
        self.shares = shares
        nextHello = now + Self.renewal
        let ready = waiting
        waiting = []
        for parts in ready { _ = socket.send(parts) }
    }

    func send(_ parts: [[UInt8]], at now: ContinuousClock.Instant) -> Bool {
        lastUse = now
        if isWelcome { return socket.send(parts) == .done }
        guard waiting.count < Self.waitingRoom else { return false }
        waiting.append(parts)
        return true
    }
}

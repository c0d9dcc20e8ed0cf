/// How one broker is to be treated: when to say hello, when it is lost. Decides only: no clock, no socket.
package struct LineState {
    package enum Event: Equatable {
        /// Anything at all came from the broker.
        case heard
        case helloAsked
        /// The broker heard nothing for 5 s, though it is told something every 2 s.
        case unheard
        case welcomed(instance: UInt64)
        /// Whether a hello that was to be sent could be.
        case saidHello(Bool)
        case tick
    }

    package enum Effect: Equatable {
        case sayHello
        case heartbeat
        case connected(instance: UInt64)
        case lost
        /// Close the sockets and open new ones.
        case rebuild
    }

    package typealias Instant = ContinuousClock.Instant
    static let heartbeat: Duration = .seconds(2)
    /// Between two ticks, or what else comes, of a loop that gets its processor.
    static let wakeful: Duration = .seconds(2)
    static let silence: Duration = .seconds(5)
    /// Between hellos that were sent and not answered.
    static let helloAgain: Duration = .seconds(2)
    /// Longer than a restart storm's handshakes: 2,000 CURVE peers took 4.7 s here. libzmq gives a refused key up for
    /// good, so new sockets are the only way to try again; and with the jitter it is at most 10 s, so that what dies
    /// half-way through its handshake is made anew by then. It grows, because a broker has all its handshakes under way at
    /// once: where they take longer than the patience, none would ever end.
    static let patience: Duration = .seconds(8)
    static let longestPatience: Duration = .seconds(30)

    /// How soon one that is not heard has to be welcomed again, or its sockets are good for nothing.
    static let hearing: Duration = .seconds(3)

    /// One that was asked for is not said again for so long.
    static let helloTravels: Duration = .milliseconds(100)

    package private(set) var instance: UInt64?
    private var unheardSince: Instant?
    private var lastHeard: Instant
    private var lastBeat: Instant
    private var nextHello: Instant
    private var lastHello: Instant?
    private var openedAt: Instant
    private var patience = Self.patience
    private var attention: Attention
    /// 0.75...1.25: keeps thousands of peers from trying all at once.
    private let jitter: Double

    package init(openedAt now: Instant, jitter: Double) {
        self.jitter = jitter
        attention = Attention(most: Self.wakeful, at: now)
        lastHeard = now
        lastBeat = now
        nextHello = now
        openedAt = now
    }

    package mutating func receive(_ event: Event, at now: Instant) -> [Effect] {
        let now = attention.look(at: now)
        switch event {
        case .heard:
            lastHeard = now
            return []
        case .helloAsked:
            lastHeard = now
            // All that waited for the connection is answered so; the hello behind it is on its way.
            guard lastHello.map({ now - $0 >= Self.helloTravels }) ?? true else { return [] }
            return [.sayHello]
        case .unheard:
            lastHeard = now
            unheardSince = unheardSince ?? now
            return [.sayHello]
        case .saidHello(let isSent):
            guard isSent else { return [] }
            nextHello = now + Self.helloAgain
            lastHello = now
            return []
        case .welcomed(let instance):
            lastHeard = now
            patience = Self.patience
            unheardSince = nil
            defer { self.instance = instance }
            if let known = self.instance, known != instance { return [.lost, .connected(instance: instance)] }
            return [.connected(instance: instance)]
        case .tick: return tick(now)
        }
    }

    private mutating func tick(_ now: Instant) -> [Effect] {
        if instance != nil {
            if now - lastHeard >= Self.silence || unheardSince.map({ now - $0 >= Self.hearing }) == true {
                instance = nil
                reopen(now)
                return [.lost, .rebuild]
            }
            guard now - lastBeat >= Self.heartbeat else { return [] }
            lastBeat = now
            return [.heartbeat]
        }
        if now - max(openedAt, lastHeard) >= patience * jitter {
            patience = min(patience * 2, Self.longestPatience)
            reopen(now)
            return [.rebuild]
        }
        return now >= nextHello ? [.sayHello] : []
    }

    /// Something is waited for that is to be noticed at once.
    package var isUncertain: Bool { instance == nil || unheardSince != nil }

    private mutating func reopen(_ now: Instant) {
        unheardSince = nil
        openedAt = now
        lastHeard = now
        nextHello = now
        lastHello = nil
    }
}

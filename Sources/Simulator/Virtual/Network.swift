/// The links between peers and brokers: each has lanes in both directions, and may be disturbed.
final class Network {
    enum Lane: Int { case commands, output, bulk }

    /// What goes wrong on the links of one peer with one broker.
    struct Condition {
        /// Of a thousand messages.
        var drop = 0
        var double = 0
        var delays = false
        var reorders = false
        var isCut = false
        /// What is sent while it is cut comes then; nil: it is lost.
        var comesAt: Int64?
    }

    struct Hits: Equatable, Sendable {
        var dropped = 0
        var doubled = 0
        var delayed = 0
        var overtaken = 0
    }

    var conditions: [Condition]
    private(set) var hits = Hits()
    private(set) var longestQueue = 0
    private var lastArrival: [Int64]
    private var waiting: [Int]
    private let brokers: Int
    private let gateways: Int
    private unowned let world: Simulation

    init(_ world: Simulation, peers: Int, brokers: Int, gateways: Int) {
        self.world = world
        self.brokers = brokers
        self.gateways = gateways
        conditions = Array(repeating: Condition(), count: peers * brokers)
        lastArrival = Array(repeating: 0, count: peers * brokers * 6)
        waiting = lastArrival.map { _ in 0 }
    }

    func index(_ peer: Int, _ broker: Int) -> Int { peer * brokers + broker }

    /// Calls `arrive` when the message is there, if it ever is. False where the queue is full: it was not taken.
    ///
    /// `isSure` is for what a connection says anew whenever it is made, and so does not lose.
    func carry(
        _ peer: Int, _ broker: Int, isUp: Bool, _ lane: Lane, isSure: Bool = false, _ arrive: @escaping () -> Void
    ) -> Bool {
        let pair = index(peer, broker)
        let way = (pair * 2 + (isUp ? 1 : 0)) * 3 + lane.rawValue
        guard waiting[way] < bound(peer, isUp: isUp, lane) else { return false }
        let condition = conditions[pair]
        if condition.isCut, condition.comesAt == nil { return lose() }
        if !isSure, world.dice.chance(condition.drop) { return lose() }
        var arrival = max(world.now, condition.comesAt ?? 0) + 100_000 + Int64(world.dice.next() & 0xF_FFFF)
        if condition.delays {
            arrival += world.dice.milliseconds(1, 2_500)
            hits.delayed += 1
        }
        if condition.reorders, !isSure, arrival + 3_000_000 < lastArrival[way] || world.dice.chance(300) {
            arrival += world.dice.milliseconds(1, 400)
            hits.overtaken += 1
        } else {
            arrival = max(arrival, lastArrival[way] + 1)
            lastArrival[way] = arrival
        }
        schedule(way, arrival, arrive)
        // A gateway's messages to a broker are not doubled: what a broker says it could not hand on was sent once.
        if !isSure, !(isUp && peer < gateways), world.dice.chance(condition.double) {
            hits.doubled += 1
            schedule(way, arrival + world.dice.milliseconds(0, 1_500), arrive)
        }
        return true
    }

    private func lose() -> Bool {
        hits.dropped += 1
        return true
    }

    private func schedule(_ way: Int, _ time: Int64, _ arrive: @escaping () -> Void) {
        waiting[way] += 1
        longestQueue = max(longestQueue, waiting[way])
        world.at(time) { [unowned self] in
            waiting[way] -= 1
            arrive()
        }
    }

    /// The high-water marks of the real sockets.
    private func bound(_ peer: Int, isUp: Bool, _ lane: Lane) -> Int {
        switch lane {
        case .commands: peer < gateways ? 20_000 : 1_000
        case .output: isUp ? 32 : 512
        case .bulk: 256
        }
    }
}

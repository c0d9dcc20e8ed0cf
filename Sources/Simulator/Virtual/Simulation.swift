import Messages

/// One installation in virtual time: brokers, gateways, nodes and their links, from a scenario to rest or a violation.
///
/// Everything happens on one thread, in an order that only the seed decides.
final class Simulation {
    /// From the last fault until all must have come to rest: an order is offered for a minute and its ticket good for
    /// another; the rest are retries.
    static let patience: Int64 = 240_000_000_000
    /// One that comes to rest before goes on beating: a connection that breaks in peace is a fault too.
    private static let leastEvents = 1_000
    private static let look: Int64 = 250_000_000

    let scenario: Scenario
    let keys: Keys
    var dice: Dice
    var trace: Trace
    var ledger = Ledger()
    private(set) var now: Int64 = 0
    private(set) var instant: ContinuousClock.Instant
    private(set) lazy var network = Network(
        self, peers: keys.principals.count, brokers: scenario.brokers, gateways: scenario.gateways)
    private(set) lazy var nemesis = Nemesis(self)
    private(set) lazy var brokers = (0..<scenario.brokers).map { VirtualBroker(self, $0) }
    private(set) lazy var gateways = (0..<scenario.gateways).map { VirtualGateway(self, $0) }
    private(set) lazy var nodes = (0..<scenario.nodes).map { VirtualNode(self, $0) }
    private lazy var reader = reading()
    private(set) lazy var links = gateways.map(\.link) + nodes.map(\.link) + [reader]
    private var agenda = Agenda()
    private var steps = 0
    private var answered: Set<Int> = []
    private var busyUntil: Int64
    private var isAtRest = false
    private let base = ContinuousClock.now

    init(_ scenario: Scenario, _ keeping: Trace.Keeping = .number) throws {
        self.scenario = scenario
        keys = try Keys(gateways: scenario.gateways, nodes: scenario.nodes)
        dice = Dice(seed: Dice.mixed(scenario.seed &+ 1))
        trace = Trace(keeping)
        instant = base
        busyUntil = scenario.active
    }

    // MARK: Time

    /// Unix milliseconds by the clock that is right.
    var wall: Int64 { 1_700_000_000_000 + now / 1_000_000 }

    func after(_ delay: Int64, _ action: @escaping () -> Void) { agenda.add(at: now + max(delay, 0), action) }
    func at(_ time: Int64, _ action: @escaping () -> Void) { agenda.add(at: max(time, now), action) }

    /// Nobody need be at rest before then.
    func busy(until time: Int64) { busyUntil = max(busyUntil, time) }

    /// From beginning to end; called once.
    func run() -> Outcome {
        begin()
        while !isAtRest, ledger.violation == nil, let next = agenda.next() {
            now = next.time
            instant = base + .nanoseconds(now)
            steps += 1
            next.action()
        }
        return Outcome(
            seed: scenario.seed, nodes: scenario.nodes, events: trace.events, steps: steps,
            milliseconds: now / 1_000_000, faults: nemesis.begun, hits: network.hits, runs: ledger.runs.count,
            gaps: ledger.gaps, trace: trace.number, violation: ledger.violation, lastLines: trace.lastLines)
    }

    private func begin() {
        for broker in brokers { broker.start() }
        for gateway in gateways { gateway.start() }
        reader.open()
        let spread = min(nodes.count, 3_000)
        for node in nodes {
            after(dice.milliseconds(0, 300 + spread)) { if !node.isUp, !node.isSilent { node.start() } }
        }
        for (number, submission) in scenario.submissions.enumerated() {
            at(submission.at) { [unowned self] in ask(number) }
            guard let stopsAt = submission.stopsAt else { continue }
            busy(until: stopsAt)
            at(stopsAt) { [unowned self] in gateways[submission.gateway].stop(number) }
        }
        for fault in scenario.faults { at(fault.at) { [unowned self] in nemesis.begin(fault) } }
        after(Self.look) { [unowned self] in lookForRest() }
    }

    private func lookForRest() {
        if now >= busyUntil, trace.events >= Self.leastEvents, answered.count == scenario.submissions.count,
            gateways.allSatisfy(\.isAtRest),
            nodes.allSatisfy(\.isAtRest)
        {
            ledger.close()
            isAtRest = true
            return
        }
        if now > busyUntil + Self.patience {
            let owing =
                gateways.filter { !$0.isAtRest }.map(\.debts)
                + nodes.filter { !$0.isAtRest }.map(\.name.description)
            ledger.violated(
                .eight,
                "not at rest \(Self.patience / 1_000_000_000) s after the last fault: \(owing.prefix(5).joined(separator: ", "))"
            )
        }
        after(Self.look) { [unowned self] in lookForRest() }
    }

    // MARK: Users

    private func ask(_ number: Int) {
        guard !answered.contains(number) else { return }
        gateways[scenario.submissions[number].gateway].submit(number)
        after(1_000_000_000) { [unowned self] in ask(number) }
    }

    func accepted(_ number: Int, _ id: ExecutionID) {
        answered.insert(number)
        trace.note(now, 13, Letter.mix(id.low, UInt64(number), 0), "submission \(number) accepted as \(id.short)")
        ledger.accepted(number, id, scenario.submissions[number])
    }

    /// A service with a grant, which must see nothing else.
    private func reading() -> VirtualLink {
        let link = VirtualLink(self, peer: keys.principals.count - 1)
        link.receive = { [unowned self] event in
            guard case .letter(let envelope, _) = event else { return }
            guard case .slice(let topic, _) = envelope.letter, topic.starts(with: Keys.grant.utf8) else {
                return ledger.violated(.four, "the service got \(envelope.letter.text)")
            }
        }
        return link
    }

    // MARK: Who is who

    func peer(ofNode number: Int) -> Int { scenario.gateways + number }
    func isGateway(_ peer: Int) -> Bool { peer < scenario.gateways }
    func principal(_ peer: Int) -> Principal { keys.principals[peer] }
    func gateway(of principal: Principal) -> Int? {
        keys.principals.prefix(scenario.gateways).firstIndex(of: principal)
    }

    func node(of peer: Int) -> Int? {
        let number = peer - scenario.gateways
        return number >= 0 && number < scenario.nodes ? number : nil
    }

    func isSilent(_ peer: Int) -> Bool { node(of: peer).map { nodes[$0].isSilent } ?? false }
    func name(_ peer: Int) -> String { principal(peer).name }

    // MARK: What is watched

    func bounded(_ count: Int, by bound: Int, _ what: @autoclosure () -> String) {
        if count > bound { ledger.violated(.five, "\(what()): \(count) of \(bound)") }
    }

    func noteLetter(_ letter: Letter, from sender: Int?, to target: Int?, at broker: Int) {
        let who = UInt64(((sender ?? 0xFFFF) << 20 | (target ?? 0xFFFF)) << 8 | broker)
        trace.note(
            now, who, letter.number,
            "\(sender.map(name) ?? "broker") -> \(target.map(name) ?? "broker \(broker)"): \(letter.text)")
    }
}

/// All that is drawn from the seed before a simulation begins.
struct Scenario: Sendable {
    var seed: UInt64
    var nodes: Int
    var gateways: Int
    var brokers: Int
    var submissions: [Submission]
    var faults: [Fault]
    /// Submissions and faults fall into this; nanoseconds.
    var active: Int64
    var kinds: [FaultKind]
    var defect: Defect?

    /// What a user asks for.
    struct Submission: Sendable {
        var at: Int64
        var gateway: Int
        var nodes: [Int]
        var files: Int
        var hasCommand: Bool
        /// How long an absent node is waited for.
        var waits: Int64
        var stopsAt: Int64?
    }

    /// `nodes` nil: four to seven. `faults` are the kinds, `number` of them nil: five to twelve.
    init(
        seed: UInt64, nodes: Int? = nil, kinds: [FaultKind] = FaultKind.allCases, faults number: Int? = nil,
        defect: Defect? = nil
    ) {
        var dice = Dice(seed: Dice.mixed(seed) ^ 0x6573_7469_6261)
        self.seed = seed
        self.kinds = kinds
        self.defect = defect
        let count = nodes ?? dice.between(4, 7)
        self.nodes = count
        gateways = dice.between(1, 2)
        brokers = dice.between(1, 2)
        active = dice.milliseconds(16_000, 26_000)
        submissions = []
        faults = []
        for _ in 0..<dice.between(11, 16) { submissions.append(Self.submission(&dice, self)) }
        guard !kinds.isEmpty else { return }
        for _ in 0..<(number ?? dice.between(5, 12)) {
            faults.append(
                Fault(
                    kind: kinds[dice.below(kinds.count)], at: dice.milliseconds(500, Int(active / 1_000_000)),
                    lasts: dice.milliseconds(300, 7_000), choice: dice.next()))
        }
        faults.sort { $0.at < $1.at }
    }

    private static func submission(_ dice: inout Dice, _ scenario: Scenario) -> Submission {
        let at = dice.milliseconds(1_000, Int(scenario.active / 1_000_000))
        var nodes: [Int] = []
        if scenario.nodes > 20, scenario.submissions.isEmpty {
            nodes = Array(0..<scenario.nodes)
        } else {
            let most = max(4, scenario.nodes / 20)
            for _ in 0..<dice.between(1, most) {
                let node = dice.below(scenario.nodes)
                if !nodes.contains(node) { nodes.append(node) }
            }
        }
        let files = dice.chance(300) ? dice.between(1, 2) : 0
        return Submission(
            at: at, gateway: dice.below(scenario.gateways), nodes: nodes, files: files,
            hasCommand: files == 0 || dice.chance(700), waits: dice.milliseconds(5_000, 60_000),
            stopsAt: dice.chance(250) ? at + dice.milliseconds(10, 8_000) : nil)
    }
}

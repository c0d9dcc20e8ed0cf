import ArgumentParser

/// `estiba simulate`: the deciding cores of all parts in virtual time, under faults, from a seed.
struct SimulateVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "Run the deciding cores of all parts in virtual time, under faults.",
        discussion: """
            The cores that decide are the ones of the daemons; the network, the disks and the processes are played. \
            Everything is drawn from the seed: the same seed gives the same trace, on every machine. What happens is \
            held against the invariants of docs/guarantees.md; where one breaks, the last events are printed with the \
            command that repeats them, and the program ends with 1.

            Examples:
              estiba simulate --seed 1 --seeds 10000
              estiba simulate --nodes 5000 --seed 42 --faults drop,partition,crash
              estiba simulate --seed 42 --trace
            """)

    @Option(help: "What everything is drawn from; with --seeds, the first one.")
    var seed: UInt64 = 1

    @Option(help: "How many seeds, one after another.")
    var seeds = 1

    @Option(help: "How many nodes; four to seven when left out.")
    var nodes: Int?

    @Option(
        help: ArgumentHelp(
            "What goes wrong, with commas: \(FaultKind.allCases.map(\.rawValue).joined(separator: ", ")); or all, or none.",
            valueName: "kinds"))
    var faults = "all"

    @Option(help: "How often something goes wrong; five to twelve times when left out.")
    var count: Int?

    @Flag(help: "Print every event.")
    var trace = false

    @Flag(help: "Print the summary as JSON.")
    var json = false

    private static let lastEvents = 60

    func validate() throws {
        if let nodes, !(1...20_000).contains(nodes) { throw ValidationError("--nodes is 1 to 20000") }
        guard seeds >= 1 else { throw ValidationError("--seeds is 1 or more") }
        if let count, count < 0 { throw ValidationError("--count is 0 or more") }
        _ = try kinds()
    }

    private func kinds() throws -> [FaultKind] {
        if faults == "all" { return FaultKind.allCases }
        if faults == "none" { return [] }
        return try faults.split(separator: ",").map { word in
            guard let kind = FaultKind(rawValue: String(word)) else {
                throw ValidationError("--faults knows no \(word)")
            }
            return kind
        }
    }

    func run() throws {
        let kinds = try kinds()
        var summary = Summary()
        let begun = ContinuousClock.now
        for seed in seed..<seed + UInt64(seeds) {
            let scenario = Scenario(seed: seed, nodes: nodes, kinds: kinds, faults: count)
            let outcome = try Simulation(scenario, trace ? .printed : .number).run()
            summary.add(outcome)
            if let violation = outcome.violation { try report(violation, scenario) }
        }
        summary.seconds = (ContinuousClock.now - begun) / .seconds(1)
        print(json ? try summary.json : summary.text)
        if summary.violations > 0 { throw ExitCode.failure }
    }

    /// The same once more, with its last events: the same seed gives the same trace.
    private func report(_ violation: Violation, _ scenario: Scenario) throws {
        let again = try Simulation(scenario, .last(Self.lastEvents)).run()
        let command =
            "estiba simulate --seed \(scenario.seed)" + (nodes.map { " --nodes \($0)" } ?? "")
            + (faults == "all" ? "" : " --faults \(faults)") + (count.map { " --count \($0)" } ?? "")
        let lines =
            [
                "seed \(scenario.seed): \(violation.invariant.rawValue) is broken (\(violation.invariant.sentence))",
                violation.sentence,
            ]
            + ["the last events:"] + again.lastLines.map { "  \($0)" } + ["again: \(command) --trace"]
        StandardError.write(lines.joined(separator: "\n") + "\n")
    }
}

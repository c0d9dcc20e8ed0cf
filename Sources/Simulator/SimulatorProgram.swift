import ArgumentParser

/// The program beside `estiba` that plays many nodes; `estiba swarm` hands over to it.
package enum SimulatorProgram {
    package static func run() async { await Verbs.main() }

    struct Verbs: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "estiba-simulator", abstract: "Simulated nodes, to measure and to prove an installation with.",
            subcommands: [SimulateVerb.self, SwarmVerb.self])
    }
}

import ArgumentParser
import Glibc
import Spool

/// `estiba swarm`: handed over to `estiba-simulator`, which brings the bus with it that the command line does without.
struct SwarmVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swarm", abstract: "Connect simulated workers to a broker (estiba swarm --help).",
        helpNames: [])

    @Argument(parsing: .captureForPassthrough)
    var words: [String] = []

    func run() throws { throw Simulator.handOver(["swarm"] + words) }
}

/// `estiba simulate`: likewise.
struct SimulateVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run the deciding cores in virtual time, under faults (estiba simulate --help).",
        helpNames: [])

    @Argument(parsing: .captureForPassthrough)
    var words: [String] = []

    func run() throws { throw Simulator.handOver(["simulate"] + words) }
}

private enum Simulator {
    /// Becomes the program beside this one; returns only what went wrong.
    static func handOver(_ words: [String]) -> CommandError {
        let path = Processes.program(of: getpid())
        let program = (path.lastIndex(of: "/").map { String(path[...$0]) } ?? "") + "estiba-simulator"
        var arguments = ([program] + words).map { strdup($0) } + [nil]
        execv(program, &arguments)
        return .local("\(SystemError.last("start", program)); estiba-simulator is to lie beside estiba")
    }
}

import ArgumentParser
import Messages

/// `estiba run`: a command on nodes, without a file.
struct RunVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a command on nodes and show its output as it comes.",
        discussion: """
            The words after -- are the argument list as they are. With --shell they are joined by spaces and given to \
            your login shell.

            Examples:
              estiba run -n 'node[1-3]' -- uptime
              estiba run -n '*!node2' --shell -- 'df -h | tail -1'
              estiba run -n node1 --raw -- cat /var/log/syslog > syslog
              estiba run -n '*' --timeout 5m --detach -- make world
              estiba run -n node1 --memory 512M --processes 100 -- ./untried

            The exit code is the largest of the nodes' codes: 128 and the signal where one ended it, 124 when the time was \
            up, 137 out of memory, 130 stopped; 125 when a node never ran the command or lost it.
            """)

    @OptionGroup var nodes: NodesOption
    @OptionGroup var output: OutputOptions
    @OptionGroup var limits: LimitOptions

    @Flag(help: "Give the words to your login shell.")
    var shell = false

    @Argument(parsing: .postTerminator, help: ArgumentHelp("The command, after --.", valueName: "words"))
    var words: [String] = []

    func validate() throws {
        if nodes.nodes.isEmpty { throw ValidationError("name the nodes with -n") }
        if words.isEmpty { throw ValidationError("give a command after --") }
    }

    func run() async throws {
        let gateway = try Gateway.loggedIn()
        let names = try await nodes.names(at: gateway)
        if output.raw && names.count > 1 { throw CommandError.usage("--raw is for one node, not \(names.count)") }
        let command =
            shell ? Submission.Command(shell: words.joined(separator: " ")) : Submission.Command(arguments: words)
        var submission = Submission(nodes: names, kind: "run", command: command)
        limits.apply(to: &submission)
        try await Submitting(gateway: gateway, submissions: [submission], output: output, isDetached: limits.detach)
            .run()
    }
}

/// How long to wait for what, and whether to stay.
struct LimitOptions: ParsableArguments {
    @Option(help: "End the command after this time (500ms, 10s, 5m, 2h).")
    var timeout: TimeSpan?

    @Option(help: "End the command when all its processes together take more memory (512M, 2G).")
    var memory: ByteCount?

    @Option(help: "End the command when it has more processes, threads counted.")
    var processes: UInt32?

    @Option(help: "Wait this long for a node that is away; otherwise 10m.")
    var wait: TimeSpan?

    @Option(help: "Time between asking the command to end and killing it; otherwise 1m.")
    var grace: TimeSpan?

    @Flag(
        help: "Let the command wait while its output cannot be copied; otherwise the oldest 64 MiB too many are let go."
    )
    var lossless = false

    @Flag(help: "Return when it is accepted and print the execution's id.")
    var detach = false

    func apply(to submission: inout Submission) {
        submission.timeoutMilliseconds = timeout?.milliseconds
        submission.waitMilliseconds = wait?.milliseconds
        submission.graceMilliseconds = grace?.milliseconds
        submission.lossless = lossless ? true : nil
        submission.memoryBytes = memory?.bytes
        submission.processes = processes
    }
}

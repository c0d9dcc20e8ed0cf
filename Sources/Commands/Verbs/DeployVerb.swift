import ArgumentParser
import Messages

/// `estiba deploy`: a file to nodes, and a command there.
struct DeployVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy", abstract: "Put a file on nodes, and run a command there if one is given.",
        discussion: """
            The file keeps its mode. A file of that name that is there already is left alone unless --overwrite is given. \
            A relative folder is below your home.

            Examples:
              estiba deploy hello.sh -n 'node[1-3]' --run './hello.sh world'
              estiba deploy ./agent -n '*' --folder bin --mode 755 --overwrite
              estiba deploy site.tar -n 'web[01-20]' --folder /srv --run 'tar xf site.tar'

            The exit code is the largest of the nodes' codes; 125 when a node did not take the file.
            """)

    @Argument(help: "The file.", completion: .file())
    var file: String

    @OptionGroup var nodes: NodesOption

    @Option(help: "The folder it goes to: relative to your home, or absolute.")
    var folder: String = "~"

    @Option(help: "The file's mode there, in octal; otherwise that of the source.")
    var mode: FileMode?

    @Flag(help: "Take the place of a file of that name.")
    var overwrite = false

    @Flag(inversion: .prefixedNo, help: "Make the folder where it is missing.")
    var create = true

    @Option(help: "A command to run in the folder, split as a shell would.")
    var run: String?

    @OptionGroup var output: OutputOptions
    @OptionGroup var limits: LimitOptions

    func validate() throws {
        if nodes.nodes.isEmpty { throw ValidationError("name the nodes with -n") }
    }

    func run() async throws {
        let gateway = try Gateway.loggedIn()
        let source = try SourceFile(file)
        let names = try await nodes.names(at: gateway)
        if output.raw && names.count > 1 { throw CommandError.usage("--raw is for one node, not \(names.count)") }
        let blob = try await Upload(gateway: gateway, source: source).run()
        let placed = Submission.File(
            blob: blob.blob, name: source.name, folder: folder, mode: mode?.bits ?? source.mode,
            overwrite: overwrite, createFolder: create)
        var submission = Submission(nodes: names, kind: "deploy", files: [placed], folder: folder)
        submission.command = run.map { Submission.Command(line: $0) }
        limits.apply(to: &submission)
        try await Submitting(gateway: gateway, submission: submission, output: output, isDetached: limits.detach).run()
    }
}

/// A mode in octal, as `chmod` takes it: 755, 0644.
struct FileMode: ExpressibleByArgument {
    let bits: UInt32

    init?(argument: String) {
        guard let bits = UInt32(argument, radix: 8), bits <= 0o7777 else { return nil }
        self.bits = bits
    }
}

import ArgumentParser
import Glibc
import Messages
import Spool
import UnixSignals

/// `estiba deploy`: files and folders to nodes, and commands there.
struct DeployVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy", abstract: "Put files on nodes, and run a command there if one is given.",
        discussion: """
            A file keeps its mode. What is there already under its name is left alone unless --overwrite is given. A relative \
            folder is below your home. Only bytes that the gateway lacks are sent: the same command again goes on where it \
            was cut off, and of a nearly equal file only the changed parts go.

            Examples:
              estiba deploy hello.sh -n 'node[1-3]' --run './hello.sh world'
              estiba deploy ./agent agent.conf -n '*' --folder bin --overwrite --run './agent -c agent.conf'
              estiba deploy -r ./site -n 'web[01-20]' --folder /srv --keep-previous
              estiba deploy app.war -n node1 --tomcat --service shop
              estiba deploy --list files.json -n '*'

            A list is a JSON array of {"path", "name", "folder", "mode": "755", "overwrite", "createFolder", "run", "profile", \
            "keepPrevious", "service", "permanent", "port"}; only path is needed. An entry with its own "run" is an \
            execution of its own; all are accepted together or not at all.

            The exit code is the largest of the nodes' codes; 125 when a node did not take a file.
            """)

    @Argument(help: "Files, and with -r folders.", completion: .file())
    var files: [String] = []

    @OptionGroup var nodes: NodesOption
    @OptionGroup var place: PlaceOptions
    @OptionGroup var service: ServiceOptions

    @Option(help: "A command to run in the folder, split as a shell would.")
    var run: String?

    @Option(help: "Read what to deploy from this file, - for stdin.", completion: .file())
    var list: String?

    @OptionGroup var output: OutputOptions
    @OptionGroup var limits: LimitOptions

    func validate() throws {
        if nodes.nodes.isEmpty { throw ValidationError("name the nodes with -n") }
        if files.isEmpty && list == nil { throw ValidationError("name at least one file, or a --list of them") }
    }

    func run() async throws {
        let gateway = try Gateway.loggedIn()
        var entries = files.map { DeployEntry(path: $0) }
        if let list { entries += try DeployEntry.list(try Self.contents(list)) }
        guard !entries.isEmpty else { throw CommandError.usage("the list is empty") }
        let sources = try entries.enumerated().map { index, entry throws(CommandError) in
            try UploadSource(entry.path, takesFolders: place.recursive || index >= files.count)
        }
        let plan = try DeployPlan(entries, sources, place.defaults(run: run, service: service.service))
        let names = try await nodes.names(at: gateway)
        if output.raw && names.count * plan.parts.count > 1 {
            throw CommandError.usage("--raw is for one command on one node")
        }
        let blobs = try await Uploads(gateway: gateway, sources: sources, isJSON: output.json).run()
        let submissions = plan.parts.map { part in
            let files = part.files.map { file in
                var placed = file.placed
                placed.blob = blobs[file.source].blob
                return placed
            }
            var submission = Submission(nodes: names, kind: "deploy", files: files, service: part.service)
            submission.command = part.run.map { Submission.Command(line: $0) }
            limits.apply(to: &submission)
            return submission
        }
        try await Submitting(
            gateway: gateway, submissions: submissions, labels: plan.parts.map(\.label), output: output,
            isDetached: limits.detach
        ).run()
    }

    private static let longestList = 16 << 20

    /// All of a file, or of stdin.
    private static func contents(_ path: String) throws(CommandError) -> [UInt8] {
        var bytes: [UInt8] = []
        do throws(SystemError) {
            let file = try File(path == "-" ? "/dev/stdin" : path)
            var piece = [UInt8](repeating: 0, count: 64 << 10)
            while bytes.count <= longestList {
                let count = try File.check("read", path) { read(file.descriptor, &piece, piece.count) }
                if count == 0 { return bytes }
                bytes += piece[..<count]
            }
        } catch {
            throw .usage("\(path): \(error.reason)")
        }
        throw .usage("\(path) is longer than 16 MiB")
    }
}

/// Where files go, and how.
struct PlaceOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Take folders too, each with all that is in it.")
    var recursive = false

    @Option(help: "The folder they go to: relative to your home, or absolute; otherwise your home.")
    var folder: String?

    @Option(help: "The files' mode there, in octal; otherwise that of the source.")
    var mode: FileMode?

    @Flag(help: "Take the place of what is there under that name.")
    var overwrite = false

    @Flag(inversion: .prefixedNo, help: "Make the folder where it is missing.")
    var create = true

    @Flag(help: "Take the place of what is there, and keep that for `estiba rollback`.")
    var keepPrevious = false

    @Option(
        help: "A profile of the nodes, which says the folder and what else is done; `estiba nodes --json` has them.")
    var profile: String?

    @Flag(help: "The same as --profile tomcat.")
    var tomcat = false

    func validate() throws {
        if tomcat && profile != nil { throw ValidationError("--tomcat is --profile tomcat: give only one of them") }
        if folder != nil && (tomcat || profile != nil) { throw ValidationError("a profile says the folder itself") }
    }

    func defaults(run: String?, service: Submission.Service?) -> DeployPlan.Defaults {
        DeployPlan.Defaults(
            folder: folder, mode: mode, overwrite: overwrite, createFolder: create, run: run,
            profile: tomcat ? "tomcat" : profile, keepsPrevious: keepPrevious, service: service)
    }
}

/// A name that others find the command by.
struct ServiceOptions: ParsableArguments {
    @Option(name: .customLong("service"), help: "Announce this name (1-40 characters) while the command runs.")
    var name: String?

    @Flag(help: "The name stays until `estiba services remove`.")
    var permanent = false

    @Option(help: "The port that is told with the name.")
    var port: UInt16?

    func validate() throws {
        if name == nil && (permanent || port != nil) {
            throw ValidationError("--permanent and --port go with --service")
        }
    }

    var service: Submission.Service? {
        name.map { Submission.Service(name: $0, permanent: permanent, port: port.map(UInt32.init)) }
    }
}

/// A mode in octal, as `chmod` takes it: 755, 0644.
struct FileMode: ExpressibleByArgument, Equatable {
    let bits: UInt32

    init?(argument: String) {
        guard let bits = UInt32(argument, radix: 8), bits <= 0o7777 else { return nil }
        self.bits = bits
    }
}

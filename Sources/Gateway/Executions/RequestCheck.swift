import Messages

/// A request with every default filled in and nothing left to doubt, but for what only the journal, the blob store and
/// the rosters know.
struct CheckedRequest: Equatable, Sendable {
    struct File: Equatable, Sendable {
        enum Content: Equatable, Sendable {
            case blob(BlobID)
            /// What that execution took the place of and kept.
            case kept(ExecutionID)
        }

        var content: Content
        var name: String
        /// Absolute, or relative to the home; empty: the home, or where the profile says.
        var folder: String
        var mode: UInt32
        var overwrite: Bool
        var createFolder: Bool
        /// Empty: none.
        var profile = ""
        var isTree = false
        var keepsPrevious = false
    }

    struct Service: Equatable, Sendable {
        var name: String
        var isPermanent: Bool
        /// 0: none told.
        var port: UInt32
    }

    enum Command: Equatable, Sendable {
        case arguments([String])
        case shell(String)
    }

    var nodes: [NodeName]
    var kind: String
    var files: [File]
    var command: Command?
    var folder: String
    var environment: [String: String]
    var waitMilliseconds: UInt64
    var timeoutMilliseconds: UInt64
    var graceMilliseconds: UInt64
    var lossless: Bool
    /// 0: no limit of the request's own.
    var memoryBytes: UInt64
    var processes: UInt32
    var leave: Bool
    var service: Service?
}

/// Looks at a request before anything is done with it. Decides only.
enum RequestCheck {
    static let maximumNodes = 20_000
    static let maximumFiles = 1_000
    /// Linux takes no single argument beyond 128 KiB (MAX_ARG_STRLEN); the whole of it is held to that.
    static let maximumCommandBytes = 128 << 10
    static let longestWaitMilliseconds: UInt64 = 30 * 24 * 3_600_000
    static let longestGraceMilliseconds: UInt64 = 3_600_000
    /// Below it no program of today begins.
    static let leastMemoryBytes: UInt64 = 1 << 20

    static func check(_ request: ExecutionRequest) throws(Failure) -> CheckedRequest {
        let nodes = try nodes(request.nodes)
        var files: [CheckedRequest.File] = []
        guard (request.files?.count ?? 0) <= maximumFiles else {
            throw Failure(.tooMany, "More than \(maximumFiles) files in one request.")
        }
        for file in request.files ?? [] { files.append(try self.file(file)) }
        try distinct(files)
        let command = try request.command.map { given throws(Failure) in try self.command(given) }
        guard command != nil || !files.isEmpty else {
            throw Failure(.badRequest, "There is nothing to do: give files, a command, or both.")
        }
        return CheckedRequest(
            nodes: nodes, kind: try kind(request.kind, hasFiles: !files.isEmpty, hasCommand: command != nil),
            files: files, command: command, folder: try folder(of: request, files),
            environment: try environment(request.environment ?? [:]),
            waitMilliseconds: try limited(
                request.waitMilliseconds ?? 600_000, to: longestWaitMilliseconds, "waitMilliseconds"),
            timeoutMilliseconds: request.timeoutMilliseconds ?? 0,
            graceMilliseconds: try limited(
                request.graceMilliseconds ?? 60_000, to: longestGraceMilliseconds, "graceMilliseconds"),
            lossless: request.lossless ?? false, memoryBytes: try memory(request.memoryBytes ?? 0),
            processes: request.processes ?? 0, leave: request.leave ?? false,
            service: try service(request, files))
    }

    /// Nodes in the order given, each once.
    static func nodes(_ names: [String]) throws(Failure) -> [NodeName] {
        var nodes: [NodeName] = []
        var seen: Set<NodeName> = []
        var wrong: [String] = []
        for name in names.flatMap({ $0.split(separator: ",") }) {
            guard let node = NodeName(String(name)) else {
                wrong.append(String(name))
                continue
            }
            if seen.insert(node).inserted { nodes.append(node) }
        }
        guard wrong.isEmpty else { throw unknown(wrong) }
        guard !nodes.isEmpty else { throw Failure(.noNodes, "No node is named: choose at least one.") }
        guard nodes.count <= maximumNodes else {
            throw Failure(.tooMany, "More than \(maximumNodes) nodes in one request.")
        }
        return nodes
    }

    static func unknown(_ names: [String]) -> Failure {
        let shown = names.prefix(10).joined(separator: ", ") + (names.count > 10 ? " and \(names.count - 10) more" : "")
        return Failure(
            .unknownNode, "No such node: \(shown). The list of nodes has their names.", nodes: names)
    }

    private static func kind(_ kind: String?, hasFiles: Bool, hasCommand: Bool) throws(Failure) -> String {
        switch kind ?? (hasFiles ? "deploy" : "run") {
        case "deploy":
            guard hasFiles else { throw Failure(.badRequest, "A deployment has at least one file.") }
            return "deploy"
        case "run", "shell":
            guard hasCommand else { throw Failure(.badCommand, "There is no command to run.") }
            return kind ?? "run"
        case let other: throw Failure(.badRequest, "There is no kind “\(other)”: it is run, deploy or shell.")
        }
    }

    private static func limited(_ value: UInt64, to limit: UInt64, _ name: String) throws(Failure) -> UInt64 {
        guard value <= limit else { throw Failure(.badRequest, "\(name) is at most \(limit).") }
        return value
    }

    private static func memory(_ bytes: UInt64) throws(Failure) -> UInt64 {
        guard bytes == 0 || bytes >= leastMemoryBytes else {
            throw Failure(.badRequest, "memoryBytes is at least \(leastMemoryBytes); 0 is no limit.")
        }
        return bytes
    }

    // MARK: Command and environment

    private static func command(_ command: ExecutionRequest.Command) throws(Failure) -> CheckedRequest.Command {
        let checked: CheckedRequest.Command
        switch (command.arguments, command.line, command.shell) {
        case (let arguments?, nil, nil): checked = .arguments(arguments)
        case (nil, let line?, nil): checked = .arguments(try ShellWords.split(line))
        case (nil, nil, let shell?): checked = .shell(shell)
        default: throw Failure(.badCommand, "A command is one of: arguments, line, shell.")
        }
        let words: [String]
        switch checked {
        case .arguments(let arguments): words = arguments
        case .shell(let line): words = [line]
        }
        guard let first = words.first, first.utf8.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A }) else {
            throw Failure(.badCommand, "The command is empty.")
        }
        guard words.allSatisfy({ !$0.utf8.contains(0) }) else {
            throw Failure(.badCommand, "A command cannot hold a NUL byte.")
        }
        guard words.reduce(0, { $0 + $1.utf8.count + 1 }) <= maximumCommandBytes else {
            throw Failure(.badCommand, "The command is longer than 128 KiB: put it into a file.")
        }
        return checked
    }

    /// Names that the node sets itself, or that change which code a program loads before it runs.
    private static let kept: Set<String> = [
        "PATH", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "PS4", "HOME", "USER", "LOGNAME", "SHELL",
        "GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH", "NLSPATH",
    ]

    private static func environment(_ given: [String: String]) throws(Failure) -> [String: String] {
        var bytes = 0
        for (name, value) in given.sorted(by: { $0.key < $1.key }) {
            guard isVariable(name) else {
                throw Failure(.badRequest, "“\(name.prefix(100))” cannot be the name of a variable.")
            }
            guard !kept.contains(name), !name.hasPrefix("LD_"), !name.hasPrefix("ESTIBA_"),
                !name.hasPrefix("BASH_FUNC_")
            else { throw Failure(.badRequest, "The variable \(name) cannot be set from outside.") }
            guard !value.utf8.contains(0) else { throw Failure(.badRequest, "The value of \(name) holds a NUL byte.") }
            bytes += name.utf8.count + value.utf8.count + 2
        }
        guard bytes <= maximumCommandBytes else {
            throw Failure(.badRequest, "The environment is longer than 128 KiB.")
        }
        return given
    }

    private static func isVariable(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return name.utf8.allSatisfy { Topic.isPlain($0) && $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "-") }
    }
}

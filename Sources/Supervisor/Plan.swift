package import Spool

/// All that a supervisor is told about its run: the worker writes it to `plan`, the supervisor reads it once.
package struct Plan: Hashable, Sendable {
    /// Whose the command is. Without root, `uid` is the supervisor's own.
    package struct Account: Hashable, Sendable {
        package var user: String
        package var uid: UInt32
        package var gid: UInt32
        /// All groups as `getgrouplist` gives them, the primary one too.
        package var groups: [UInt32]

        package init(user: String, uid: UInt32, gid: UInt32, groups: [UInt32]) {
            self.user = user
            self.uid = uid
            self.gid = gid
            self.groups = groups
        }
    }

    /// What the run may take; 0 is no limit, unless it says otherwise.
    package struct Limits: Hashable, Sendable {
        package var wallClockMilliseconds: UInt64 = 0
        /// Between SIGTERM and SIGKILL.
        package var graceMilliseconds: UInt64 = 60_000
        /// Spool bytes not yet copied.
        package var spoolBytes: UInt64 = 64 << 20
        /// A full spool makes the command wait instead of losing its oldest output.
        package var isLossless = false
        /// Of all processes together. By the cgroup where its controllers are there, else by measuring.
        package var memoryBytes: UInt64 = 0
        /// With their threads; kept in the same way.
        package var processes: UInt32 = 0

        package init() {}
    }

    /// Under which PAM service a session is opened.
    package struct Session: Hashable, Sendable {
        package var service: String
        /// A folder of service files instead of the system's; empty: the system's.
        package var configuration: String

        package init(service: String, configuration: String = "") {
            self.service = service
            self.configuration = configuration
        }
    }

    package var spool: UInt64
    /// As text; for messages and for finding what a dead supervisor left.
    package var execution: String
    package var node: String
    package var account: Account
    /// Without a `/`, the first is looked up in the `PATH` of `environment`, as the user.
    package var arguments: [String]
    /// Where the command runs; entered as the user.
    package var folder: String
    /// `NAME=value`, all that the command gets (and what PAM's session adds).
    package var environment: [String]
    package var umask: UInt32 = 0o022
    package var limits = Limits()
    /// What still runs at the end is let live.
    package var leaves = false
    /// Made by the supervisor, removed at the end; empty: none, and processes are followed by descent.
    package var cgroup = ""
    package var session: Session?
    /// Done before the command; with steps there may be no `arguments`, and the run ends with the last step.
    package var steps: [Step] = []

    package init(
        spool: UInt64, execution: String, node: String, account: Account, arguments: [String], folder: String,
        environment: [String]
    ) {
        self.spool = spool
        self.execution = execution
        self.node = node
        self.account = account
        self.arguments = arguments
        self.folder = folder
        self.environment = environment
    }
}

extension Plan {
    /// Of the file's format.
    /// Version 1 had no checksum; a worker reads both, since a run outlives its worker's upgrade.
    static let version: UInt8 = 2

    package enum Problem: Error, Equatable {
        case malformed
        case version(UInt8)
        case system(SystemError)
    }

    /// Puts the plan into a run folder, whole or not at all.
    package func write(to folder: RunFolder) throws(SystemError) {
        try File.replace(folder.plan, with: bytes)
    }

    package static func read(from folder: RunFolder) throws(Problem) -> Plan {
        let bytes: [UInt8]
        do throws(SystemError) { bytes = try File.contents(folder.plan, limit: 16 << 20) } catch {
            throw .system(error)
        }
        return try Plan(bytes)
    }

    package var bytes: [UInt8] {
        var writer = FieldWriter()
        writer.integer(Self.version)
        writer.integer(spool)
        writer.text(execution)
        writer.text(node)
        writer.text(account.user)
        writer.integer(account.uid)
        writer.integer(account.gid)
        writer.list(account.groups) { $0.integer($1) }
        writer.list(arguments) { $0.text($1) }
        writer.text(folder)
        writer.list(environment) { $0.text($1) }
        writer.integer(umask)
        writer.integer(limits.wallClockMilliseconds)
        writer.integer(limits.graceMilliseconds)
        writer.integer(limits.spoolBytes)
        writer.integer(UInt8(limits.isLossless ? 1 : 0))
        writer.integer(limits.memoryBytes)
        writer.integer(limits.processes)
        writer.integer(UInt8(leaves ? 1 : 0))
        writer.text(cgroup)
        writer.text(session?.service ?? "")
        writer.text(session?.configuration ?? "")
        writer.list(steps) { $1.write(to: &$0) }
        writer.integer(CRC32C.of(writer.bytes))
        return writer.bytes
    }

    package init(_ bytes: [UInt8]) throws(Problem) {
        var bytes = bytes
        switch bytes.first {
        case 1: break
        case Self.version:
            guard bytes.count > 4, let sum = try? Self.checksum(bytes.suffix(4)),
                sum == CRC32C.of(bytes.dropLast(4))
            else { throw .malformed }
            bytes.removeLast(4)
        case let version?: throw .version(version)
        case nil: throw .malformed
        }
        do throws(FieldReader.Malformed) {
            var reader = FieldReader(bytes)
            self = try Plan(&reader)
            guard reader.isAtEnd, !arguments.isEmpty || !steps.isEmpty else { throw FieldReader.Malformed() }
        } catch {
            throw .malformed
        }
    }

    private static func checksum(_ bytes: some Collection<UInt8>) throws(FieldReader.Malformed) -> UInt32 {
        var reader = FieldReader(Array(bytes))
        return try reader.integer()
    }

    private init(_ reader: inout FieldReader) throws(FieldReader.Malformed) {
        _ = try reader.integer(UInt8.self)
        spool = try reader.integer()
        execution = try reader.text()
        node = try reader.text()
        let user = try reader.text()
        let uid = try reader.integer(UInt32.self)
        let gid = try reader.integer(UInt32.self)
        let groups = try reader.list { reader throws(FieldReader.Malformed) in try reader.integer(UInt32.self) }
        account = Account(user: user, uid: uid, gid: gid, groups: groups)
        arguments = try reader.list { reader throws(FieldReader.Malformed) in try reader.text() }
        folder = try reader.text()
        environment = try reader.list { reader throws(FieldReader.Malformed) in try reader.text() }
        umask = try reader.integer()
        limits.wallClockMilliseconds = try reader.integer()
        limits.graceMilliseconds = try reader.integer()
        limits.spoolBytes = try reader.integer()
        limits.isLossless = try reader.flag()
        limits.memoryBytes = try reader.integer()
        limits.processes = try reader.integer()
        leaves = try reader.flag()
        cgroup = try reader.text()
        let service = try reader.text()
        let configuration = try reader.text()
        session = service.isEmpty ? nil : Session(service: service, configuration: configuration)
        // Absent from plans of 0.1.0 before there were profiles: a run outlives its worker's upgrade.
        if !reader.isAtEnd {
            steps = try reader.list { reader throws(FieldReader.Malformed) in try Step(&reader) }
        }
    }
}

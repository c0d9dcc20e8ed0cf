import CLinux
import Foundation
import Glibc
import Spool
import Supervisor
import Testing

/// A folder of its own, removed with the test.
final class ScratchFolder {
    let path: String

    init() throws {
        path = "/tmp/estiba-test-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        chmod(path, 0o755)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A program of the package, as built beside the tests.
func program(_ name: String) throws -> String {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return (own as NSString).deletingLastPathComponent + "/" + name
}

func put(_ bytes: [UInt8], at path: String, mode: mode_t) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    chmod(path, mode)
}

/// Waits for a thing to be so; a test fails that waits too long.
func eventually(within seconds: Double = 20, _ claim: () throws -> Bool) throws {
    let end = Date() + seconds
    while try !claim() {
        try #require(Date() < end, "it never came to be")
        poll(nil, 0, 5)
    }
}

/// A run under a real supervisor.
final class TestRun {
    let folder: RunFolder
    var plan: Plan
    private let scratch: ScratchFolder
    private(set) var supervisor: Int32 = 0
    /// The line it was started with.
    private var line: SupervisorConnection?

    init(_ arguments: [String], environment: [String] = []) throws {
        // Tests of a placer's parts in this process made it take in orphans, which nobody here reaps.
        estiba_set_child_subreaper(0)
        scratch = try ScratchFolder()
        folder = RunFolder(scratch.path + "/run")
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        let groups = [getgid()]
        plan = Plan(
            spool: 1, execution: "TEST\(UInt32.random(in: 0 ... .max))", node: "node1",
            account: Plan.Account(user: "root", uid: getuid(), gid: getgid(), groups: groups), arguments: arguments,
            folder: scratch.path, environment: ["PATH=/usr/bin:/bin"] + environment)
        plan.environment += ["ESTIBA_EXECUTION=\(plan.execution)", "ESTIBA_NODE=\(plan.node)"]
    }

    deinit {
        if supervisor > 0 {
            kill(supervisor, SIGKILL)
            waitpid(supervisor, nil, 0)
        }
        _ = Leftovers.kill(of: plan)
    }

    func start() throws {
        try plan.write(to: folder)
        let started = try folder.startSupervisor(try program("estiba-supervisor"))
        supervisor = started.pid
        line = SupervisorConnection(adopting: started.line)
    }

    func connect() throws -> SupervisorConnection {
        var found: SupervisorConnection?
        try eventually {
            found = try? SupervisorConnection(folder)
            return found != nil
        }
        return try #require(found)
    }

    /// Waits for the exit record.
    func end(within seconds: Double = 20) throws -> ExitRecord {
        try eventually(within: seconds) { FileManager.default.fileExists(atPath: folder.exit) }
        return try ExitRecord.read(from: folder)
    }

    func runToEnd() throws -> ExitRecord {
        try start()
        return try end()
    }

    /// All that one stream brought, of what is still held.
    func output(_ stream: Spool.Stream = .stdout) throws -> [UInt8] {
        let reader = SpoolReader(folder.spool)
        var position = try reader.released()
        var all: [UInt8] = []
        while true {
            let bytes = try reader.read(from: position)
            if bytes.isEmpty { return all }
            for record in RecordCursor(bytes) where record.stream == stream { all += bytes[record.range] }
            position += UInt64(bytes.count)
        }
    }

    func text(_ stream: Spool.Stream = .stdout) throws -> String { String(decoding: try output(stream), as: UTF8.self) }
}

/// A shell line as the command of a run.
func shell(_ line: String) -> [String] { ["/bin/sh", "-c", line] }

/// Whether a process is there and no zombie.
func lives(_ pid: Int32) -> Bool {
    guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
    return !stat.contains(") Z ")
}

extension SupervisorConnection {
    /// Waits for a reply that fits.
    func next<Found>(_ fits: (Reply) -> Found?) throws -> Found {
        var found: Found?
        try eventually {
            switch receive() {
            case .reply(let reply): found = fits(reply)
            case .nothing: break
            case .closed: try #require(Bool(false), "the supervisor has gone")
            }
            return found != nil
        }
        return try #require(found)
    }
}

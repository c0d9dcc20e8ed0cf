import Glibc
import NIOPosix
import Spool

/// A process that `up` started: in a session of its own, so that a Ctrl-C meant for `up` does not reach it.
struct Child: Sendable {
    let pid: Int32
    /// Read end of the pipe on which it says that it is ready.
    let readyDescriptor: Int32

    /// Where a child finds the pipe.
    private static let readyNumber: Int32 = 3

    /// Starts a program whose stdout and stderr go to the end of the log file.
    static func start(_ arguments: [String], log: String) throws(CommandError) -> Child {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .local("\(SystemError.last("pipe"))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[1]) }
        do {
            let pid = try spawn(arguments, environment: ["ESTIBA_READY_FD=\(readyNumber)"]) { actions in
                posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o640)
                posix_spawn_file_actions_adddup2(&actions, 1, 2)
                posix_spawn_file_actions_adddup2(&actions, ends[1], readyNumber)
            }
            return Child(pid: pid, readyDescriptor: ends[0])
        } catch {
            close(ends[0])
            throw error
        }
    }

    /// Runs a small program to its end, silently; its exit code, or 128 and the signal.
    static func run(_ arguments: [String]) throws(CommandError) -> Int32 {
        let pid = try spawn(arguments, environment: []) { actions in
            posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
        }
        return wait(for: pid)
    }

    /// Waits until it says that it is ready; false where it ends before.
    ///
    /// Blocks a thread of the pool until then.
    func becomesReady(_ pool: NIOThreadPool) async -> Bool {
        let descriptor = readyDescriptor
        let isReady = try? await pool.runIfActive {
            var byte: UInt8 = 0
            while true {
                let got = read(descriptor, &byte, 1)
                if got >= 0 || errno != EINTR {
                    close(descriptor)
                    return got == 1
                }
            }
        }
        return isReady ?? false
    }

    /// Waits for its end and reaps it. Blocks a thread of the pool until then.
    func ends(_ pool: NIOThreadPool) async {
        let pid = pid
        _ = try? await pool.runIfActive { Self.wait(for: pid) }
    }

    private static func wait(for pid: Int32) -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 {
            if errno != EINTR { return -1 }
        }
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }

    private static func spawn(
        _ arguments: [String], environment: [String],
        _ prepare: (inout posix_spawn_file_actions_t) -> Void
    ) throws(CommandError) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        prepare(&actions)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        let flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
        posix_spawnattr_setflags(&attributes, Int16(flags) | Self.newSession)
        // A daemon would take any other of these for a setting, before the one in its file.
        let inherited = Environment.all.filter { !$0.key.hasPrefix("ESTIBA_") || $0.key == "ESTIBA_LOG" }
        let words = arguments.map { strdup($0) } + [nil]
        let values = (inherited.map { "\($0.key)=\($0.value)" } + environment).map { strdup($0) } + [nil]
        defer { (words + values).forEach { free($0) } }
        var pid: pid_t = 0
        let failure = posix_spawn(&pid, arguments[0], &actions, &attributes, words, values)
        guard failure == 0 else {
            throw .local("cannot start \(arguments[0]): \(SystemError("posix_spawn", errno: failure).reason)")
        }
        return pid
    }

    /// `POSIX_SPAWN_SETSID`, which glibc declares only with its own extensions.
    private static let newSession: Int16 = 0x80
}

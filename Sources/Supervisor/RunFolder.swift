import CLinux
import Glibc
package import Spool

/// The folder of one run on a node (docs/protocol.md §6): where its parts lie, and whether its supervisor lives.
package struct RunFolder: Hashable, Sendable {
    package let path: String

    package init(_ path: String) {
        self.path = path
    }

    package var plan: String { path + "/plan" }
    package var spool: String { path + "/spool" }
    package var exit: String { path + "/exit" }
    package var socket: String { path + "/socket" }
    package var lock: String { path + "/lock" }

    /// Whether a supervisor holds the lock of this folder. Asks only: never takes it, so it disturbs none that begins.
    package var isAlive: Bool {
        guard let file = try? File(lock, O_RDWR) else { return false }
        return estiba_lock_is_held(file.descriptor) == 1
    }
}

extension RunFolder {
    /// Starts the supervisor of this run, whose `plan` is written; returns its pid, which the caller reaps.
    ///
    /// It is in a session of its own and outlives the caller. It listens a few milliseconds later.
    package func startSupervisor(_ program: String) throws(SystemError) -> Int32 {
        var pid: pid_t = 0
        try File.check("spawn", program) { estiba_spawn(program, nil, 0, 1, path, &pid) }
        return pid
    }
}

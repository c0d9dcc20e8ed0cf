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
    /// The plan itself: what a supervisor reads it also locks.
    package var lock: String { plan }

    /// Whether a supervisor holds the lock of this folder. Asks only: never takes it, so it disturbs none that begins.
    package var isAlive: Bool {
        guard let file = try? File(lock, O_RDWR) else { return false }
        return estiba_lock_is_held(file.descriptor) == 1
    }

    /// Sees to it that a supervisor that was started and has not come so far begins nothing any more; false where one has
    /// begun: the spool is there.
    package func closeToSupervisors() -> Bool { mkdir(spool, 0o700) == 0 }
}

extension RunFolder {
    /// Has a supervisor of this folder, where one lives, end its run at once, and waits until it has. Blocks, at most for
    /// `milliseconds`.
    package func endSupervisor(within milliseconds: UInt64 = 10_000) {
        let end = Moment.now.after(milliseconds: milliseconds)
        var isAsked = false
        while isAlive, Moment.now < end {
            if !isAsked, let connection = try? SupervisorConnection(self) {
                isAsked = (try? connection.send(.stop(graceMilliseconds: 0))) != nil
            }
            usleep(20_000)
        }
    }

    /// Starts the supervisor of this run, whose `plan` is written. It is in a session of its own and outlives the caller.
    ///
    /// The caller reaps `pid`, and owns `line`: an open descriptor for `SupervisorConnection(adopting:)`, connected from
    /// the first moment. The folder's socket is for later ones.
    package func startSupervisor(_ program: String) throws(SystemError) -> (pid: Int32, line: Int32) {
        var pid: pid_t = 0
        var ends: [Int32] = [-1, -1]
        try File.check("socketpair") { estiba_socket_pair(&ends) }
        let theirs = File(adopting: ends[1])
        let descriptors = [-1, -1, -1, theirs.descriptor]
        do throws(SystemError) {
            try File.check("spawn", program) {
                estiba_spawn(program, descriptors, descriptors.count, 1, path, &pid)
            }
        } catch {
            close(ends[0])
            throw error
        }
        return (pid, ends[0])
    }
}

import CLinux
import Glibc
import PAM
import Spool

/// A process that keeps what it takes to close a PAM session: forked while this one has its rights, it waits until the
/// run is over (or its supervisor is gone), closes the session and ends.
struct SessionKeeper: ~Copyable {
    let pid: Int32
    /// Its closing is the sign.
    private let sign: File

    init(_ account: Plan.Account, _ session: Plan.Session) throws(SystemError) {
        let ends = try PipeEnds()
        let pid = try File.check("fork") { estiba_fork() }
        if pid == 0 {
            var waiting = pollfd(fd: dup2(ends.read.descriptor, 0), events: Int16(POLLIN), revents: 0)
            estiba_close_from(3)
            while poll(&waiting, 1, -1) < 0, errno == EINTR {}
            PAM.closeSession(user: account.user, service: session.pam)
            _exit(0)
        }
        self.pid = pid
        sign = ends.write
    }

    /// There is no session to close.
    func dismiss() { kill(pid, SIGKILL) }
}

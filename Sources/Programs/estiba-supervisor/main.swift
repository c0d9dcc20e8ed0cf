import CLinux
import Glibc
import Spool
import Supervisor

// estiba-supervisor FOLDER: sees one run through, as the plan in the run's folder says. Descriptor 3, where it is open, is
// the line to the worker that started it.
guard CommandLine.arguments.count == 2 else { exit(64) }
umask(0o077)
chdir("/")
estiba_close_from(4)
do {
    let line = fcntl(3, F_GETFD) >= 0 ? File(adopting: 3) : nil
    try Supervisor(RunFolder(CommandLine.arguments[1]), line: line).run()
} catch {
    exit(error.rawValue)
}

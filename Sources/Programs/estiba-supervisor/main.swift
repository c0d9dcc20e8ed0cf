import CLinux
import Glibc
import Supervisor

// estiba-supervisor FOLDER: sees one run through, as the plan in the run's folder says.
guard CommandLine.arguments.count == 2 else { exit(64) }
umask(0o077)
chdir("/")
estiba_close_from(3)
do {
    try Supervisor(RunFolder(CommandLine.arguments[1])).run()
} catch {
    exit(error.rawValue)
}

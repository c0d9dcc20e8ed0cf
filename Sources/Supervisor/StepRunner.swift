import CLinux
import Glibc
import Spool

/// Carries out a plan's steps in the process that becomes the command, as the user: one after another, the first that
/// fails ends the run with its code.
struct StepRunner {
    let steps: [Plan.Step]

    /// What is said where a step was ended by a signal, as shells do it.
    private static let signalBase: Int32 = 128

    /// Returns when all are done; else ends the process.
    func run() {
        for step in steps {
            switch step {
            case .shell(let line, let folder, let environment):
                let code = shell(line, folder, environment)
                if code != 0 { _exit(code) }
            case .wait(let address, let seconds, let name, let shown):
                let wait = WebWait(address: address)
                switch wait.run(within: .seconds(seconds)) {
                case .answered: Self.say("\(name) answers at \(shown)", on: 1)
                case .silent(let last):
                    Self.say("\(name) did not answer at \(shown) within \(seconds) s (\(last))", on: 2)
                    _exit(1)
                }
            }
        }
    }

    private func shell(_ line: String, _ folder: String, _ environment: [String]) -> Int32 {
        let child = fork(line, folder, environment)
        guard child > 0 else { return 126 }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 { if errno != EINTR { return 126 } }
        // wait(2): the low seven bits are the signal, the next byte the exit code.
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : Self.signalBase + signal
    }

    private func fork(_ line: String, _ folder: String, _ environment: [String]) -> Int32 {
        let child = estiba_fork()
        guard child == 0 else { return child }
        if chdir(folder) != 0 {
            Self.say("\(folder): \(String(cString: strerror(errno)))", on: 2)
            _exit(126)
        }
        let arguments: [String] = ["/bin/sh", "-c", line]
        let words = arguments.map { strdup($0) } + [nil]
        let variables = environment.map { strdup($0) } + [nil]
        execve("/bin/sh", words, variables)
        _exit(127)
    }

    static func say(_ text: String, on descriptor: Int32) {
        let line = Array((text + "\n").utf8)
        _ = write(descriptor, line, line.count)
    }
}

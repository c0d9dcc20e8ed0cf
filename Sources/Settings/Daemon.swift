private import Glibc
private import Logging

/// What the start of every daemon has in common.
package enum Daemon {
    /// Logs to stderr, one line an event; `level` as in swift-log, from `ESTIBA_LOG` where it is set.
    package static func startLogging() {
        let level = getenv("ESTIBA_LOG").flatMap { Logger.Level(rawValue: String(cString: $0)) } ?? .info
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
    }

    /// Writes `ready` to the descriptor that `ESTIBA_READY_FD` names and closes it; nothing without it, or a second time.
    package static func tellReady() {
        guard let text = getenv("ESTIBA_READY_FD"), let descriptor = Int32(String(cString: text)), descriptor > 2 else {
            return
        }
        unsetenv("ESTIBA_READY_FD")
        _ = write(descriptor, "ready", 5)
        close(descriptor)
    }

    /// Prints `usage` and exits 0 where the arguments ask for help.
    package static func helpIfAsked(_ usage: String, arguments: [String] = CommandLine.arguments) {
        guard arguments.dropFirst().contains(where: { $0 == "--help" || $0 == "-h" }) else { return }
        print(usage)
        exit(0)
    }

    /// Ends a daemon that cannot start: one line on stderr, exit code 1.
    package static func refuse(_ program: String, _ reason: some CustomStringConvertible) -> Never {
        let line = Array("\(program): \(reason)\n".utf8)
        _ = write(2, line, line.count)
        exit(1)
    }
}

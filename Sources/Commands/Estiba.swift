import ArgumentParser
import Glibc
import Messages
import Spool

/// The command line: one verb a file.
struct Estiba: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "estiba", abstract: "Put files on many machines, run commands there as yourself, see every line.",
        discussion: """
            Examples:
              estiba up --nodes 3
              estiba run -n '*' -- uptime
              estiba deploy hello.sh -n 'node[1-3]' --run ./hello.sh

            ESTIBA_GATEWAY and ESTIBA_TOKEN name the gateway and the login; otherwise what `estiba login` or `estiba up` \
            left in ~/.config/estiba. `estiba --generate-completion-script bash` writes completions.
            """,
        version: Program.version,
        subcommands: [
            UpVerb.self, LoginVerb.self, LogoutVerb.self, WhoamiVerb.self, SessionsVerb.self, NodesVerb.self,
            RunVerb.self,
            DeployVerb.self, RollbackVerb.self, LogsVerb.self, PsVerb.self, HistoryVerb.self, ShowVerb.self,
            StopVerb.self, StatusVerb.self, ServicesVerb.self, KeysVerb.self, SubscribeKeyVerb.self,
            SimulateVerb.self, SwarmVerb.self,
            AdoptVerb.self,
        ])
}

/// Where the program begins.
package enum CommandLineProgram {
    /// Runs the verb that the arguments name and ends the process with the code that console scripts rely on.
    package static func run() async -> Never {
        signal(SIGPIPE, SIG_IGN)
        do {
            var verb = try Estiba.parseAsRoot()
            if var asynchronous = verb as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try verb.run()
            }
            exit(0)
        } catch {
            end(error)
        }
    }

    private static func end(_ error: any Error) -> Never {
        switch error {
        case let error as CommandError:
            StandardStreams.say(error.sentence)
            exit(error.exitCode)
        case let error as SystemError:
            StandardStreams.say("\(error)")
            exit(CommandError.local("").exitCode)
        case is ReaderGone: exit(128 + SIGPIPE)
        case let error as ExitCode: exit(error.rawValue)
        default: break
        }
        guard Estiba.exitCode(for: error) == .validationFailure else { Estiba.exit(withError: error) }
        StandardStreams.write(Array((Estiba.fullMessage(for: error) + "\n").utf8), to: .stderr)
        exit(CommandError.usage("").exitCode)
    }
}

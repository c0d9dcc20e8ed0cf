import ArgumentParser

/// `estiba keys`.
struct KeysVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Make keys for the parts of an installation.",
        discussion: "Example:\n  estiba keys new /etc/estiba/worker.key", subcommands: [New.self])

    /// `estiba keys new FILE`: a key pair, whose public half is printed.
    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key file (mode 0400) and print its public key and fingerprint.",
            discussion: "Example:\n  estiba keys new /etc/estiba/worker.key")

        @Argument(help: "The file; one that is there is left alone.", completion: .file())
        var file: String

        func run() throws {
            let key = try KeyFile.make(file)
            StandardStreams.print(key.publicText)
            StandardStreams.say("fingerprint \(key.fingerprint)")
        }
    }
}

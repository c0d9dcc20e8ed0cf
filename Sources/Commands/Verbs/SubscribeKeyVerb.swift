import ArgumentParser
import FoundationEssentials
import Glibc

/// `estiba subscribe-key`: a key of one's own, by which a program reads one's output and states from the bus.
struct SubscribeKeyVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "subscribe-key", abstract: "Make a key by which a program of yours reads your output live.",
        discussion: """
            The secret half stays in ~/.config/estiba/keys, for you alone; the gateway and the brokers are told the \
            public half. It reads your output and states and can do nothing else. The same name again renews it.

            Examples:
              estiba subscribe-key
              estiba subscribe-key --name dashboard --days 365 --json > dashboard.json
              estiba subscribe-key list
              estiba subscribe-key remove dashboard
            """,
        subcommands: [New.self, List.self, Remove.self], defaultSubcommand: New.self)

    struct New: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key, or renew the one of that name.",
            discussion: "Example:\n  estiba subscribe-key new --name dashboard --days 365 --json > dashboard.json")

        @Option(help: "What to call it; otherwise this machine's name.")
        var name: String?

        @Option(help: "For how many days it is good, 1 to 365.")
        var days = 30

        @Flag(help: "One JSON object, as examples/subscriber takes it.")
        var json = false

        func run() async throws {
            let gateway = try Gateway.loggedIn()
            let name = name ?? Self.machine
            let path = try SubscribeKeyFile.path(name)
            let isThere = access(path, F_OK) == 0
            let file = try SubscribeKeyFile.existing(path)
            let answer: Granted
            do {
                answer = try await gateway.post(
                    "subscribe-keys", Wish(name: name, key: file.publicText, days: days))
            } catch {
                // The gateway knows nothing of a key that it did not take.
                if !isThere, case CommandError.refused = error { unlink(path) }
                throw error
            }
            let access = Access(answer, keyFile: path, publicKey: file.publicText, gateway: gateway.url)
            if json { return StandardStreams.emit(StateLine.line(access)) }
            Table.print(access.rows)
        }

        /// The first part of the machine's name, without what a key's name may not have.
        private static var machine: String {
            let plain = ProcessInfo.processInfo.hostName.prefix { $0 != "." }.filter { letter in
                letter.isASCII && (letter.isLetter || letter.isNumber || letter == "-" || letter == "_")
            }
            let name = String(plain.drop { $0 == "-" }.prefix(64))
            return name.isEmpty ? "key" : name
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List your keys.", discussion: "Example:\n  estiba subscribe-key list --json")

        @Flag(help: "One JSON object a line.")
        var json = false

        func run() async throws {
            let keys = try await Gateway.loggedIn().get("subscribe-keys", as: Keys.self).keys
            if json { return keys.forEach { StandardStreams.emit(StateLine.line($0)) } }
            let rows = keys.map {
                [
                    $0.name, $0.fingerprint, Moment.text($0.created), Moment.text($0.expires),
                    $0.topics.joined(separator: " "),
                ]
            }
            Table.print([["NAME", "FINGERPRINT", "CREATED", "EXPIRES", "TOPICS"]] + rows)
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a key: whoever reads by it is cut off, and its file on this machine goes.",
            discussion: "Example:\n  estiba subscribe-key remove dashboard")

        @Argument(help: "The key's name.")
        var name: String

        func run() async throws {
            let path = try SubscribeKeyFile.path(name)
            let gateway = try Gateway.loggedIn()
            let keys = try await gateway.get("subscribe-keys", as: Keys.self).keys
            try await gateway.delete("subscribe-keys/\(name)")
            let isOurs = keys.contains { key in
                key.name == name && access(path, F_OK) == 0
                    && (try? SubscribeKeyFile.existing(path))?.fingerprint == key.fingerprint
            }
            if isOurs { unlink(path) }
            StandardStreams.say("\(name) is removed" + (isOurs ? ", and \(path) with it" : ""))
        }
    }

    // MARK: What is said and answered

    private struct Wish: Encodable {
        var name: String
        var key: String
        var days: Int
    }

    private struct Key: Codable {
        var name: String
        var principal: String
        var fingerprint: String
        var topics: [String]
        var created: Int64
        var expires: Int64
    }

    private struct Broker: Codable {
        var endpoint: String
        var publicKey: String
    }

    private struct Granted: Codable {
        var user: String
        var key: Key
        var brokers: [Broker]
    }

    private struct Keys: Codable { var keys: [Key] }

    /// All that a program needs.
    private struct Access: Encodable {
        var user: String
        var name: String
        var principal: String
        var fingerprint: String
        var publicKey: String
        var keyFile: String
        var topics: [String]
        var expires: Int64
        var brokers: [Broker]
        var gateway: String

        init(_ answer: Granted, keyFile: String, publicKey: String, gateway: String) {
            (user, name, principal) = (answer.user, answer.key.name, answer.key.principal)
            (fingerprint, topics, expires) = (answer.key.fingerprint, answer.key.topics, answer.key.expires)
            (brokers, self.keyFile, self.publicKey, self.gateway) = (answer.brokers, keyFile, publicKey, gateway)
        }

        var rows: [[String]] {
            [
                ["principal", principal], ["key file", keyFile], ["public key", publicKey],
                ["topics", topics.joined(separator: " ")], ["expires", Moment.text(expires)], ["gateway", gateway],
            ] + brokers.map { ["broker", "\($0.endpoint) \($0.publicKey)"] }
        }
    }
}

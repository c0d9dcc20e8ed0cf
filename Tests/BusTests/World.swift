import Foundation
import Messages
import Settings
import Sodium
import Synchronization
import ZeroMQ

@testable import Broker
@testable import Bus

/// A broker on loopback ports, its registry, and the peers of a test.
final class World: Sendable {
    let folder: String
    let brokerKeys = KeyPair.random()
    let base: Int
    private let registryText: Mutex<String>
    private let running: Mutex<Broker.Running?>

    /// Every principal gets a key pair; `strangers` are not in the registry.
    let keys: [String: KeyPair]

    init(_ principals: [String], strangers: [String] = [], grants: [String: String] = [:]) throws {
        folder = NSTemporaryDirectory() + "estiba-bus-" + Hex.encode(Random.bytes(6))
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var keys: [String: KeyPair] = [:]
        for name in principals + strangers { keys[name] = KeyPair.random() }
        let lines = principals.map { name in
            "\(name) \(keys[name]!.publicText)" + (grants[name].map { " grants=\($0)" } ?? "")
        }
        self.keys = keys
        registryText = Mutex(lines.joined(separator: "\n") + "\n")
        try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: folder + "/registry"))
        running = Mutex(nil)
        var last: (any Error)?
        for _ in 0..<20 {
            let base = Int.random(in: 2000..<6000) * 5
            do {
                let running = try Broker(Self.settings(base, brokerKeys, folder)).start()
                self.base = base
                self.running.withLock { $0 = running }
                return
            } catch { last = error }
        }
        throw last ?? CancellationError()
    }

    private static func settings(_ base: Int, _ keys: KeyPair, _ folder: String) -> BrokerSettings {
        BrokerSettings(listen: "127.0.0.1", base: base, keys: keys, registryPath: folder + "/registry")
    }

    var address: BrokerAddress { BrokerAddress(address: "127.0.0.1", base: base, publicKey: brokerKeys.publicKey) }

    func stopBroker() {
        let old = running.withLock { running in
            defer { running = nil }
            return running
        }
        old?.stop()
    }

    func startBroker() throws {
        let started = try Broker(Self.settings(base, brokerKeys, folder)).start()
        running.withLock { $0 = started }
    }

    /// Replaces the registry file as an operator's tool would, by a rename.
    func rewriteRegistry(_ change: (String) -> String) throws {
        let text = registryText.withLock { text in
            text = change(text)
            return text
        }
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/registry"), options: .atomic)
    }

    func peer(_ name: String, hello: WireHello = WireHello()) throws -> Party {
        try Party(name, keys: keys[name]!, at: [address], hello: hello)
    }

    /// Ends everything; a test calls it last.
    func end() {
        stopBroker()
        try? FileManager.default.removeItem(atPath: folder)
    }
}

/// A link on a thread of its own, and all that it was told.
final class Party: Sendable {
    let name: String
    private let link = Remote<Link>()
    private let thread: PollLoop.Thread
    private let told = Told<Link.Event>()

    init(_ name: String, keys: KeyPair, at brokers: [BrokerAddress], hello: WireHello) throws {
        self.name = name
        let (link, told) = (link, told)
        let role: Link.Role = name.hasPrefix("gateway:") ? .gateway : .node
        thread = try PollLoop.Thread(name: name, context: Context()) { loop in
            let made = try Link(role, brokers: brokers, keys: keys, hello: hello, on: loop) { told.add($0) }
            link.fill(made, on: loop)
        }
    }

    func with(_ work: @escaping @Sendable (Link) -> Void) { link.post(work) }

    /// The first event so far, or within the deadline, that `match` takes; events before it are forgotten.
    @discardableResult
    func next<Result: Sendable>(
        _ what: String, within limit: Duration = .seconds(15), _ match: (Link.Event) -> Result?
    ) async throws -> Result {
        try await told.next("\(name): \(what)", within: limit, match)
    }

    func connected() async throws -> UInt64 {
        try await next("connected") { if case .connected(_, let instance) = $0 { instance } else { nil } }
    }

    func message(_ verb: Verb, within limit: Duration = .seconds(15)) async throws -> Link.Incoming {
        try await next("\(verb)", within: limit) {
            if case .message(let message) = $0, message.header.verb == verb { message } else { nil }
        }
    }

    func output(_ topic: String, within limit: Duration = .seconds(15)) async throws -> Link.Output {
        try await next(topic, within: limit) {
            if case .output(let output) = $0, output.topic.starts(with: topic.utf8) { output } else { nil }
        }
    }

    func interest(_ prefix: String, isWanted: Bool = true) async throws {
        try await next("interest in \(prefix)", within: .seconds(25)) {
            if case .interest(_, Array(prefix.utf8), isWanted) = $0 { true } else { nil }
        }
    }

    var all: [Link.Event] { told.all }

    func end() {
        link.post { $0.close() }
        thread.stop()
        thread.join()
    }
}

struct TimedOut: Error, CustomStringConvertible {
    let description: String
}

/// What came in, for a test that waits for one thing.
final class Told<Event: Sendable>: Sendable {
    private let events = Mutex<[Event]>([])

    func add(_ more: [Event]) { events.withLock { $0 += more } }
    var all: [Event] { events.withLock { $0 } }

    func next<Result: Sendable>(
        _ what: String, within limit: Duration, _ match: (Event) -> Result?
    ) async throws -> Result {
        try await eventually(what, within: limit) {
            events.withLock { events in
                for (index, event) in events.enumerated() {
                    guard let result = match(event) else { continue }
                    events.removeSubrange(...index)
                    return result
                }
                return nil
            }
        }
    }
}

/// Looks again and again until there is a result, or throws at the deadline.
@discardableResult
func eventually<Result>(_ what: String, within limit: Duration = .seconds(15), _ look: () throws -> Result?)
    async throws -> Result
{
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if let result = try look() { return result }
        try await Task.sleep(for: .milliseconds(2))
    }
    throw TimedOut(description: "not within \(limit): \(what)")
}

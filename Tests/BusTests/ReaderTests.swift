import Bus
import Glibc
import Messages
import SwiftProtobuf
import Testing
import ZeroMQ

/// Services and users' own keys at a real broker: what they may read, and what their coming and going does to others.
@Suite(.serialized) struct ReaderTests {
    private let one = NodeName("node1")!
    private let execution = ExecutionID.random()

    @Test func `a service that asks for more than its grant gets its grant alone`() async throws {
        let world = try World(["node:node1", "service:s"], grants: ["service:s": "output/alice/"])
        let node = try world.peer("node:node1")
        let wishes = ["", "output/", "output/al", "\u{1}\u{0}", "output/alice", "output/alice2/", "output/alice/"]
        let service = try Subscriber(world, "service:s", wishes)
        defer { node.end(); service.end(); world.end() }
        // No gateway is there to follow anything: the grant alone is upstream, and for good.
        try await node.interest("output/alice/")
        try await heard(by: service, count: 20) {
            for user in ["alice2", "al", "bob", "alice/", "alice%2F", "Alice"] { publish(node, user) }
            publish(node, "alice")
        }
        #expect(service.topics.allSatisfy { $0.hasPrefix("output/alice/") })
    }

    @Test func `one who was denied leaves, and the others go on hearing`() async throws {
        let world = try World(
            ["node:node1", "service:s", "service:t"], grants: ["service:s": "output/ana/", "service:t": "output/bob/"])
        let node = try world.peer("node:node1")
        let stays = try Subscriber(world, "service:s", ["output/ana/"])
        defer { node.end(); stays.end(); world.end() }
        try await node.interest("output/ana/")
        try await heard(by: stays, count: 1) { publish(node, "ana") }
        for _ in 0..<3 {
            let denied = try Subscriber(world, "service:t", ["output/ana/", "output/bob/"])
            try await heard(by: denied, count: 1) { publish(node, "bob") }
            denied.end()
        }
        let before = stays.topics.count
        try await heard(by: stays, count: before + 20) { publish(node, "ana") }
        let ended = node.all.contains {
            if case .interest(_, Array("output/ana/".utf8), false) = $0 { true } else { false }
        }
        #expect(!ended)
    }

    @Test func `status and presence are read by who is granted them`() async throws {
        let world = try World(
            ["node:node1", "service:s", "service:t"],
            grants: ["service:s": "status/,presence/", "service:t": "event/"])
        let node = try world.peer("node:node1")
        let service = try Subscriber(world, "service:s", ["status/", "presence/"])
        let other = try Subscriber(world, "service:t", ["status/", "presence/", "event/"])
        defer { node.end(); service.end(); other.end(); world.end() }
        try await node.interest("status/")
        let (one, execution) = (one, execution)
        try await eventually("status and event") {
            node.with {
                $0.publish(.status(one), [[1]]); $0.publish(.event(user: "ana", execution, one), [[1]])
            }
            return service.topics.contains("status/node1/") && !other.topics.isEmpty ? true : nil
        }
        let twin = try world.peer("node:node1")
        node.end()
        _ = try await twin.connected()
        defer { twin.end() }
        try await eventually("presence") { service.topics.contains("presence/node1/") ? true : nil }
        #expect(other.topics.allSatisfy { $0.hasPrefix("event/") })
    }

    @Test func `a user's key is let in while its grant stands, and cut off when it ends`() async throws {
        let world = try World(["gateway:g", "node:node1"], strangers: ["user:ana/laptop"])
        let gateway = try world.peer("gateway:g")
        let node = try world.peer("node:node1")
        // Comes before its grant: it is told to wait and tries again by itself.
        let reader = try Subscriber(world, "user:ana/laptop", ["", "output/", "output/ana/", "output/ana2/"])
        defer { gateway.end(); node.end(); reader.end(); world.end() }
        _ = try await gateway.connected()
        say([grant(world, "user:ana/laptop")], gateway)
        try await node.interest("output/ana/")
        try await heard(by: reader, count: 5) {
            publish(node, "ana2")
            publish(node, "ana")
        }
        say([], gateway)
        try await node.interest("output/ana/", isWanted: false)
        gateway.with { $0.follow(["output/"]) }
        try await node.interest("output/")
        let before = reader.topics.count
        for round in 0..<20 { try await arrives("round\(round)", from: node, at: gateway) { publish(node, "ana") } }
        #expect(reader.topics.count == before)
        #expect(reader.topics.allSatisfy { $0.hasPrefix("output/ana/") })
    }

    @Test func `a grant that expires ends, though its gateway is away`() async throws {
        let world = try World(["gateway:g", "node:node1"], strangers: ["user:ana/laptop"])
        let gateway = try world.peer("gateway:g")
        let node = try world.peer("node:node1")
        _ = try await gateway.connected()
        say([grant(world, "user:ana/laptop", seconds: 4)], gateway)
        try await node.interest("output/ana/")
        gateway.end()
        let reader = try Subscriber(world, "user:ana/laptop", ["output/ana/"])
        defer { node.end(); reader.end(); world.end() }
        try await heard(by: reader, count: 1) { publish(node, "ana") }
        try await node.interest("output/ana/", isWanted: false)
    }

    @Test func `after the broker's restart a reader is back as soon as its grant is`() async throws {
        let world = try World(["gateway:g", "node:node1"], strangers: ["user:ana/laptop"])
        let gateway = try world.peer("gateway:g")
        let node = try world.peer("node:node1")
        let reader = try Subscriber(world, "user:ana/laptop", ["output/ana/"])
        defer { gateway.end(); node.end(); reader.end(); world.end() }
        _ = try await gateway.connected()
        say([grant(world, "user:ana/laptop")], gateway)
        try await heard(by: reader, count: 1) { publish(node, "ana") }
        world.stopBroker()
        try world.startBroker()
        _ = try await gateway.connected()
        say([grant(world, "user:ana/laptop")], gateway)
        let before = reader.topics.count
        try await heard(by: reader, count: before + 1) { publish(node, "ana") }
    }

    @Test func `only a gateway grants`() async throws {
        let world = try World(["gateway:g", "node:node1", "node:node2"], strangers: ["user:ana/laptop"])
        let nodes = [try world.peer("node:node1"), try world.peer("node:node2")]
        let gateway = try world.peer("gateway:g")
        defer { for party in nodes + [gateway] { party.end() }; world.end() }
        for party in nodes + [gateway] { _ = try await party.connected() }
        // What a gateway said and a node says again, to the broker or through it, grants nothing.
        let body: [UInt8] = try WireGrants.with { $0.grants = [grant(world, "user:ana/laptop")] }.serializedBytes()
        for to in [nil, Principal("gateway:g")!] { nodes[0].with { $0.send(to: to, Header(.grants), body: body) } }
        _ = try await gateway.message(.grants)
        gateway.with { $0.follow(["event/"]) }
        try await nodes[1].interest("event/")
        let wanted = nodes[1].all.contains {
            if case .interest(_, Array("output/ana/".utf8), true) = $0 { true } else { false }
        }
        #expect(!wanted)
    }

    @Test func `of one user's connections eight are kept`() async throws {
        let world = try World(["gateway:g", "node:node1"], strangers: ["user:ana/laptop"])
        let gateway = try world.peer("gateway:g")
        let node = try world.peer("node:node1")
        _ = try await gateway.connected()
        say([grant(world, "user:ana/laptop")], gateway)
        try await node.interest("output/ana/")
        var readers: [Subscriber] = []
        defer { for reader in readers { reader.end() }; gateway.end(); node.end(); world.end() }
        for _ in 0..<8 {
            let reader = try Subscriber(world, "user:ana/laptop", ["output/ana/"])
            readers.append(reader)
            try await heard(by: reader, count: 1) { publish(node, "ana") }
        }
        readers.append(try Subscriber(world, "user:ana/laptop", ["output/ana/"]))
        let before = readers[0].topics.count
        try await heard(by: readers[0], count: before + 50) { publish(node, "ana") }
        #expect(readers[8].topics.isEmpty)
        readers.removeFirst().end()
        try await heard(by: readers[7], count: 1) { publish(node, "ana") }
    }

    // MARK: Own

    private func grant(_ world: World, _ name: String, seconds: Int64 = 3600) -> WireGrant {
        .with {
            $0.key = .init(world.keys[name]!.publicKey)
            $0.user = "ana"
            $0.name = String(name.split(separator: "/")[1])
            $0.prefixes = Topic.prefixes(of: "ana")
            $0.expiresMilliseconds = Int64(WallTime.milliseconds) + 1000 * seconds
        }
    }

    private func say(_ grants: [WireGrant], _ gateway: Party) {
        let body: [UInt8] = (try? WireGrants.with { $0.grants = grants }.serializedBytes()) ?? []
        gateway.with { $0.send(to: nil, Header(.grants), body: body) }
    }

    private func publish(_ node: Party, _ user: String) {
        let (one, execution) = (one, execution)
        node.with { $0.publish(.output(user: user, execution, one), [[1]]) }
    }

    /// Publishes again and again until the reader has so many.
    private func heard(by reader: Subscriber, count: Int, _ publish: () -> Void) async throws {
        try await eventually("\(count) messages", within: .seconds(20)) {
            if reader.topics.count >= count { return true }
            publish()
            return nil
        }
    }

    private func arrives(_ user: String, from node: Party, at gateway: Party, _ more: () -> Void) async throws {
        let topic = Topic.output(user: user, execution, one).description
        for _ in 0..<75 {
            more()
            publish(node, user)
            if (try? await gateway.output(topic, within: .milliseconds(200))) != nil { return }
        }
        throw TimedOut(description: "\(topic) never came")
    }
}

private enum WallTime {
    static var milliseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}

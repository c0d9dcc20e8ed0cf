import Bus
import Messages
import Sodium
import SwiftProtobuf
import Testing
import ZeroMQ

@testable import Broker

/// Real sockets with CURVE on loopback.
@Suite(.serialized) struct BrokerTests {
    private let one = NodeName("node1")!
    private let two = NodeName("node2")!
    private let execution = ExecutionID.random()

    @Test func `an order for two nodes reaches both with its own tag, and a report comes back`() async throws {
        let world = try World(["gateway:g", "node:node1", "node:node2"])
        let gateway = try world.peer("gateway:g")
        let nodes = [try world.peer("node:node1"), try world.peer("node:node2")]
        defer { for party in nodes + [gateway] { party.end() }; world.end() }
        for party in nodes + [gateway] { _ = try await party.connected() }

        let header = Header(.order, execution, sequence: 9)
        let tags = [one, two].map { (node: $0, tag: [UInt8](repeating: UInt8($0.description.utf8.last!), count: 32)) }
        gateway.with { $0.fanOut(header, body: [7, 8, 9], to: tags) }
        for (party, tag) in zip(nodes, tags) {
            let order = try await party.message(.order)
            #expect(order.sender == Principal("gateway:g") && order.body == [7, 8, 9] && order.tag == tag.tag)
            #expect(order.header == header && order.headerBytes == header.bytes)
        }
        let execution = execution
        nodes[0].with {
            $0.send(
                to: Principal("gateway:g"), Header(.report, execution), body: [1], tag: [UInt8](repeating: 3, count: 32)
            )
        }
        let report = try await gateway.message(.report)
        #expect(report.sender == Principal("node:node1") && report.body == [1] && report.tag.count == 32)
    }

    @Test func `a node that is not there is answered absent at once`() async throws {
        let world = try World(["gateway:g", "node:node1", "node:node2"])
        let gateway = try world.peer("gateway:g")
        let node = try world.peer("node:node1")
        defer { for party in [node, gateway] { party.end() }; world.end() }
        for party in [node, gateway] { _ = try await party.connected() }

        let (one, two) = (one, two)
        let tag = [UInt8](repeating: 1, count: 32)
        gateway.with { $0.fanOut(Header(.order, sequence: 4), body: [], to: [(one, tag), (two, tag)]) }
        let answer = try await gateway.message(.absent, within: .seconds(2))
        #expect(try WireAbsent(serializedBytes: answer.body).nodes == ["node2"])
        #expect(answer.header.sequence == 4 && answer.sender == nil)
        gateway.with { $0.send(to: Principal(two), Header(.stop, sequence: 5)) }
        #expect(try await gateway.message(.absent, within: .seconds(2)).header.sequence == 5)
        #expect(try await node.message(.order).tag == tag)
    }

    @Test func `a gateway gets the roster first, then who comes and goes`() async throws {
        let world = try World(["gateway:g", "node:node1", "node:node10", "node:node2"])
        let gateway = try world.peer("gateway:g")
        defer { gateway.end(); world.end() }
        let roster = try WireRoster(serializedBytes: try await gateway.message(.roster).body)
        #expect(roster.nodes.map(\.node) == ["node1", "node2", "node10"] && roster.nodes.allSatisfy { !$0.present })

        let node = try world.peer("node:node2", hello: .with { $0.facts = ["os": "debian"] })
        let here = try await presence(of: "node2", true, at: gateway)
        #expect(
            here.hello.facts == ["os": "debian"] && here.sequence > roster.sequence && here.instance == roster.instance)
        let end = ContinuousClock.now
        node.end()
        let away = try await presence(of: "node2", false, at: gateway)
        #expect(ContinuousClock.now - end < .seconds(3))
        #expect(away.sequence > here.sequence)

        try world.rewriteRegistry { $0 + "node:node3 \(KeyPair.random().publicText)\n" }
        _ = try await gateway.next("a roster of four") { event in
            guard case .message(let message) = event, message.header.verb == .roster else { return nil as Bool? }
            return (try? WireRoster(serializedBytes: message.body))?.nodes.count == 4 ? true : nil
        }
    }

    @Test func `only its own topics pass from a node, and only events from a gateway`() async throws {
        let world = try World(["gateway:g", "node:node1", "node:node2"])
        let gateway = try world.peer("gateway:g")
        let node = try world.peer("node:node1")
        defer { for party in [node, gateway] { party.end() }; world.end() }
        for party in [node, gateway] { _ = try await party.connected() }
        gateway.with { $0.follow(["output/", "event/", "status/"]) }
        for prefix in ["event/", "output/", "status/"] { try await node.interest(prefix) }

        let (one, two, execution) = (one, two, execution)
        try await repeatedly(until: gateway, gets: Topic.status(one)) {
            node.with { link in
                link.publish(.output(user: "ana", execution, two), [[1], [2]])
                link.publish(.event(user: "ana", execution, two), [[1], [2]])
                link.publish(.status(two), [[1]])
                link.publish(.presence(one), [[1]])
                link.publish(.output(user: "ana", execution, one), [[1], [2]])
                link.publish(.status(one), [[1]])
            }
        }
        gateway.with { link in
            link.publish(.output(user: "ana", execution, one), [[9]])
            link.publish(.event(user: "ana", execution, two), [[9]])
        }
        let own = try await gateway.output("event/")
        #expect(own.parts == [[9]])
        let topics = gateway.all.compactMap {
            if case .output(let output) = $0 { String(decoding: output.topic, as: UTF8.self) } else { nil }
        }
        #expect(topics.allSatisfy { $0.hasPrefix("presence/") || $0.hasSuffix("/node1/") })
    }

    @Test func `an unknown key is not let in, and is once it is in the registry`() async throws {
        let world = try World(["gateway:g"], strangers: ["node:node1"])
        let gateway = try world.peer("gateway:g")
        let stranger = try world.peer("node:node1")
        defer { for party in [stranger, gateway] { party.end() }; world.end() }
        _ = try await gateway.connected()
        await #expect(throws: TimedOut.self) {
            try await stranger.next("connected", within: .seconds(2)) { if case .connected = $0 { true } else { nil } }
        }
        try world.rewriteRegistry { $0 + "node:node1 \(world.keys["node:node1"]!.publicText)\n" }
        try await stranger.next("connected", within: .seconds(40)) { if case .connected = $0 { true } else { nil } }
    }

    @Test func `a peer taken out of the registry is cut off`() async throws {
        let world = try World(["gateway:g", "node:node1"])
        let gateway = try world.peer("gateway:g")
        let node = try world.peer("node:node1")
        defer { for party in [node, gateway] { party.end() }; world.end() }
        for party in [node, gateway] { _ = try await party.connected() }
        try world.rewriteRegistry {
            $0.split(separator: "\n").filter { !$0.hasPrefix("node:") }.joined(separator: "\n") + "\n"
        }
        try await node.next("lost") { if case .lost = $0 { true } else { nil } }
        await #expect(throws: TimedOut.self) {
            try await node.next("connected", within: .seconds(2)) { if case .connected = $0 { true } else { nil } }
        }
    }

    @Test func `a node with a new key is heard, and who has the old one is not`() async throws {
        let world = try World(["gateway:g", "node:node1"], strangers: ["node:node1/new"])
        let gateway = try world.peer("gateway:g")
        // Nothing of ours that would close it: a stolen key's holder keeps the connection.
        let thief = try RawPublisher(world, "node:node1")
        defer { thief.end(); gateway.end(); world.end() }
        _ = try await gateway.connected()
        gateway.with { $0.follow(["event/"]) }
        let (one, execution) = (one, execution)
        try await repeatedly(until: gateway, gets: .event(user: "before", execution, one)) {
            thief.publish(.event(user: "before", execution, one), [1])
        }
        let (old, new) = (world.keys["node:node1"]!.publicText, world.keys["node:node1/new"]!)
        try world.rewriteRegistry { $0.replacing(old, with: new.publicText) }
        let node = try Party("node:node1", keys: new, at: [world.address], hello: WireHello())
        defer { node.end() }
        _ = try await node.connected()
        var forged = 0
        for _ in 0..<20 {
            try await retried {
                thief.publish(.event(user: "forged", execution, one), [2])
                node.with { $0.publish(.event(user: "own", execution, one), [[1]]) }
            } until: { () async throws -> Bool in
                try await gateway.next("an event of the node's", within: .milliseconds(200)) { event -> Bool? in
                    guard case .output(let output) = event else { return nil }
                    if output.topic.starts(with: Array("event/forged/".utf8)) { forged += 1 }
                    return output.topic.starts(with: Array("event/own/".utf8)) ? true : nil
                }
            }
        }
        #expect(forged == 0)
    }

    @Test func `a service hears its grant and nothing else`() async throws {
        let world = try World(["gateway:g", "node:node1", "service:s"], grants: ["service:s": "output/ana/"])
        let gateway = try world.peer("gateway:g")
        let node = try world.peer("node:node1")
        let service = try Subscriber(world, "service:s", ["", "output/", "output/a", "output/ana/", "output/bob/"])
        defer { for party in [node, gateway] { party.end() }; service.end(); world.end() }
        _ = try await node.connected()
        _ = try await gateway.connected()
        gateway.with { $0.follow(["output/"]) }
        try await node.interest("output/")
        let (one, execution) = (one, execution)
        try await eventually("ana's line") {
            node.with { link in
                link.publish(.output(user: "bob", execution, one), [[2]])
                link.publish(.output(user: "anabel", execution, one), [[2]])
                link.publish(.output(user: "ana", execution, one), [[1]])
            }
            return service.topics.isEmpty ? nil : true
        }
        _ = try await gateway.output("output/bob/")
        #expect(service.topics.allSatisfy { $0.hasPrefix("output/ana/") })
    }

    @Test func `a service with too many subscriptions is cut off, and the others stay`() async throws {
        let world = try World(["gateway:g", "node:node1", "service:s"], grants: ["service:s": "output/ana/"])
        let gateway = try world.peer("gateway:g")
        let node = try world.peer("node:node1")
        defer { for party in [node, gateway] { party.end() }; world.end() }
        _ = try await node.connected()
        _ = try await gateway.connected()
        gateway.with { $0.follow(["output/"]) }
        try await node.interest("output/")
        let service = try Subscriber(world, "service:s", (0..<2000).map { "output/ana/\($0)/" } + ["output/ana/"])
        defer { service.end() }
        let (one, execution) = (one, execution)
        var (quiet, heard, round) = (0, -1, 0)
        while quiet < 5 && round < 500 {
            let user = "round\(round)"
            try await repeatedly(until: gateway, gets: .output(user: user, execution, one)) {
                node.with { link in
                    link.publish(.output(user: "ana", execution, one), [[1]])
                    link.publish(.output(user: user, execution, one), [[1]])
                }
            }
            quiet = service.topics.count == heard ? quiet + 1 : 0
            (heard, round) = (service.topics.count, round + 1)
        }
        #expect(quiet == 5)
    }

    @Test func `after a broker's restart on the same ports all come back and hear each other`() async throws {
        let world = try World(["gateway:g", "node:node1"])
        let gateway = try world.peer("gateway:g")
        let node = try world.peer("node:node1")
        defer { for party in [node, gateway] { party.end() }; world.end() }
        let (one, execution) = (one, execution)
        var before: UInt64 = 0
        for party in [node, gateway] { before = try await party.connected() }
        gateway.with { $0.follow(["output/"]) }
        try await repeatedly(until: gateway, gets: .output(user: "ana", execution, one)) {
            node.with { $0.publish(.output(user: "ana", execution, one), [[1]]) }
        }
        world.stopBroker()
        try world.startBroker()
        for party in [node, gateway] { #expect(try await party.connected() != before) }
        gateway.with { $0.fanOut(Header(.order), body: [1], to: [(one, [UInt8](repeating: 0, count: 32))]) }
        _ = try await node.message(.order)
        try await repeatedly(until: gateway, gets: .output(user: "bob", execution, one)) {
            node.with { $0.publish(.output(user: "bob", execution, one), [[1]]) }
        }
    }

    @Test func `a second connection with the same key is refused while the first one answers`() async throws {
        let world = try World(["gateway:g", "node:node1"])
        let first = try world.peer("node:node1")
        _ = try await first.connected()
        let twin = try world.peer("node:node1")
        defer { first.end(); twin.end(); world.end() }
        let failure = try await twin.next("refused") { if case .refused(_, let failure) = $0 { failure } else { nil } }
        #expect(failure.code == .duplicate)
        first.end()
        _ = try await twin.connected()
    }

    @Test func `a chunk for several nodes travels once to the broker, and who is not there is told`() async throws {
        let world = try World(["gateway:g", "node:node1", "node:node2", "node:node3"])
        let (gateway, nodes) = (
            try world.peer("gateway:g"), try ["node:node1", "node:node2"].map { try world.peer($0) }
        )
        defer { for party in nodes + [gateway] { party.end() }; world.end() }
        let execution = execution
        for party in nodes + [gateway] { _ = try await party.connected() }
        for node in nodes {
            try await retried {
                node.with { $0.send(.bulk, to: Principal("gateway:g"), Header(.chunkRequest, execution), body: [5]) }
            } until: {
                try await gateway.message(.chunkRequest, within: .seconds(1))
            }
        }
        let chunk = [UInt8](repeating: 9, count: 1 << 20)
        gateway.with { link in
            #expect(link.sharesBulk(0))
            let names = ["node1", "node3", "node2"].compactMap { NodeName($0) }
            #expect(link.share(Header(.chunk, execution, sequence: 4), body: chunk, to: names, via: 0))
        }
        for node in nodes {
            let message = try await node.message(.chunk)
            #expect(message.body == chunk && message.header.sequence == 4 && message.lane == .bulk)
            #expect(message.sender == Principal("gateway:g") && message.tag.isEmpty)
        }
        let absent = try WireAbsent(serializedBytes: try await gateway.message(.absent).body)
        #expect(absent.nodes == ["node3"])
    }

    @Test func `a chunk is asked for and given over the bulk lane`() async throws {
        let (world, gateway, node) = try await gatewayAndNode()
        defer { for party in [node, gateway] { party.end() }; world.end() }
        let execution = execution
        let answer = try await retried {
            node.with { $0.send(.bulk, to: Principal("gateway:g"), Header(.chunkRequest, execution), body: [5]) }
        } until: {
            try await gateway.message(.chunkRequest, within: .seconds(1))
        }
        #expect(answer.lane == .bulk && answer.sender == Principal("node:node1") && answer.body == [5])
        let chunk = Random.bytes(1 << 20)
        gateway.with { $0.send(.bulk, to: answer.sender, Header(.chunk, execution), body: chunk) }
        #expect(try await node.message(.chunk).body == chunk)
    }

    @Test func `requests for chunks that come all at once reach the gateway all the same`() async throws {
        let (world, gateway, node) = try await gatewayAndNode()
        defer { for party in [node, gateway] { party.end() }; world.end() }
        let execution = execution
        let ask = { (numbers: Range<Int>) in
            node.with { link in
                for number in numbers {
                    let header = Header(.chunkRequest, execution, sequence: UInt64(number))
                    link.send(.bulk, to: Principal("gateway:g"), header, body: [5])
                }
            }
        }
        _ = try await retried {
            ask(0..<1)
        } until: {
            try await gateway.message(.chunkRequest, within: .seconds(1))
        }
        let many = 1..<1 + RequestsWaiting.ofOne
        for round in 0..<5 {
            let first = round * many.count
            ask(many.lowerBound + first..<many.upperBound + first)
            for number in many {
                let request = try await gateway.message(.chunkRequest, within: .seconds(2))
                #expect(request.header.sequence == UInt64(number + first))
            }
        }
    }

    /// Both are connected.
    private func gatewayAndNode() async throws -> (world: World, gateway: Party, node: Party) {
        let world = try World(["gateway:g", "node:node1"])
        let (gateway, node) = (try world.peer("gateway:g"), try world.peer("node:node1"))
        for party in [node, gateway] { _ = try await party.connected() }
        return (world, gateway, node)
    }

    private func presence(of node: String, _ isPresent: Bool, at gateway: Party) async throws -> WirePresence {
        try await gateway.next("\(node) \(isPresent)") { event in
            guard case .output(let output) = event, output.topic == Array("presence/\(node)/".utf8) else { return nil }
            let presence = try? WirePresence(serializedBytes: output.parts[0])
            return presence?.present == isPresent ? presence : nil
        }
    }

    /// Publishes until it is heard: interest needs a moment to travel.
    private func repeatedly(until party: Party, gets topic: Topic, _ publish: () -> Void) async throws {
        _ = try await retried(publish) { try await party.output(topic.description, within: .milliseconds(200)) }
    }

    @discardableResult
    private func retried<Result>(_ act: () -> Void, until look: () async throws -> Result) async throws -> Result {
        for _ in 0..<75 {
            act()
            if let result = try? await look() { return result }
        }
        throw TimedOut(description: "never")
    }
}

/// A publisher that does nothing but publish.
final class RawPublisher: Sendable {
    private let thread: PollLoop.Thread
    private let socket = Remote<Socket>()

    init(_ world: World, _ name: String) throws {
        let (keys, address, socket) = (world.keys[name]!, world.address, socket)
        thread = try PollLoop.Thread(name: name, context: Context()) { loop in
            let made = try Socket(
                .xpub, in: loop.context,
                [.curveClient(publicKey: keys.publicKey, secretKey: keys.secretKey, serverKey: address.publicKey)])
            try made.connect(address.endpoint(.publishers))
            loop.add(made) { _ in }
            socket.fill(made, on: loop)
        }
    }

    func publish(_ topic: Topic, _ body: [UInt8]) { socket.post { _ = $0.send([topic.bytes, body]) } }

    func end() {
        thread.stop()
        thread.join()
    }
}

/// A service: nothing but a SUB socket.
final class Subscriber: Sendable {
    private let thread: PollLoop.Thread
    private let told: Told<String>

    convenience init(_ world: World, _ name: String, _ prefixes: [String]) throws {
        try self.init(world, name, prefixes.map { Array($0.utf8) })
    }

    init(_ world: World, _ name: String, _ prefixes: [[UInt8]]) throws {
        let told = Told<String>()
        let keys = world.keys[name]!
        let address = world.address
        thread = try PollLoop.Thread(name: name, context: Context()) { loop in
            let socket = try Socket(
                .sub, in: loop.context,
                [
                    .curveClient(publicKey: keys.publicKey, secretKey: keys.secretKey, serverKey: address.publicKey),
                    // A SUB drops its own requests beyond the high-water mark without a word.
                    .highWater(send: 10_000, receive: 1000),
                    .reconnect(every: .milliseconds(50), upTo: .milliseconds(50)),
                ])
            for prefix in prefixes { try socket.set(.subscribe(prefix)) }
            try socket.connect(address.endpoint(.subscribers))
            loop.add(socket) { told.add([String(decoding: $0[0].bytes, as: UTF8.self)]) }
        }
        self.told = told
    }

    var topics: [String] { told.all }

    func end() {
        thread.stop()
        thread.join()
    }
}

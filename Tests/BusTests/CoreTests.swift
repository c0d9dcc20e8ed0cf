import Messages
import SwiftProtobuf
import Testing

@testable import Broker
@testable import Bus

/// The parts that only decide, in virtual time.
struct CoreTests {
    private let start = ContinuousClock.now
    private func at(_ seconds: Double) -> Moment {
        Moment(start + .seconds(seconds), unixMilliseconds: 1_000_000 + Int64(seconds * 1000))
    }
    private let node = Principal("node:node1")!
    private let old = Connection(side: .workers, id: [1])
    private let new = Connection(side: .workers, id: [2])
    private let hello = WireHello.with {
        $0.versionOldest = 1
        $0.versionNewest = 1
    }
    private func registry(_ text: String) -> Registry { try! Registry(text: text) }
    private func line(_ name: String, _ byte: UInt8, _ more: String = "") -> String {
        "\(name) \(String(repeating: String(byte, radix: 16) + "0", count: 32).prefix(64)) \(more)\n"
    }
    private func directory() -> Directory {
        Directory(instance: 5, registry: registry(line("node:node1", 1) + line("gateway:g", 2)), at: at(0))
    }
    private func presences(_ effects: [Directory.Effect]) -> [Bool] {
        effects.compactMap { if case .presence(let presence) = $0 { presence.present } else { nil } }
    }

    /// The effects of the ticks after `from` and up to `to`, four a second as a broker has them.
    private func ticks(_ directory: inout Directory, from: Double, to: Double) -> [Directory.Effect] {
        var effects: [Directory.Effect] = []
        for time in stride(from: from + 0.25, to: to, by: 0.25) { effects += directory.receive(.tick, at: at(time)) }
        return effects + directory.receive(.tick, at: at(to))
    }
    /// A line's ticks of each second after `from` and up to `to`.
    private func ticks(_ state: inout LineState, from: Double, to: Double) -> [LineState.Effect] {
        var effects: [LineState.Effect] = []
        for time in stride(from: from + 1, to: to, by: 1) {
            effects += state.receive(.tick, at: start + .seconds(time))
        }
        return effects + state.receive(.tick, at: start + .seconds(to))
    }

    @Test func `hello makes a node present, silence makes it away, its next word asks for hello`() {
        var directory = directory()
        #expect(!directory.heard(node, old, at: at(0)).isKnown)
        let effects = directory.receive(.hello(node, old, hello), at: at(0))
        #expect(effects.first == .welcome(old) && presences(effects) == [true])
        #expect(directory.heard(node, old, at: at(3)).isKnown)
        #expect(presences(ticks(&directory, from: 3, to: 7.9)) == [])
        #expect(presences(directory.receive(.tick, at: at(8))) == [false])
        #expect(directory.connection(of: node) == nil)
        #expect(!directory.heard(node, old, at: at(9)).isKnown)
    }

    @Test func `the digest changes with every node that comes, goes or says another hello`() {
        var directory = directory()
        var digests = [directory.digest]
        _ = directory.receive(.hello(node, old, hello), at: at(0))
        digests.append(directory.digest)
        var other = hello
        other.program = "2"
        _ = directory.receive(.hello(node, old, other), at: at(1))
        digests.append(directory.digest)
        #expect(Set(digests).count == 3)
        var held = RosterDigest()
        for presence in directory.roster.nodes where presence.present {
            held.add(presence.node, sequence: presence.sequence)
        }
        #expect(held.value == directory.digest)
        _ = directory.receive(.gone(node, old), at: at(2))
        #expect(directory.digest == digests[0])
    }

    @Test func `a newcomer takes the place of an old connection that is gone or silent for 3.5 s`() {
        var directory = directory()
        _ = directory.receive(.hello(node, old, hello), at: at(0))
        #expect(directory.receive(.hello(node, new, hello), at: at(1)) == [.probe(old, node)])
        #expect(directory.receive(.gone(node, old), at: at(1)).first == .welcome(new))
        #expect(directory.connection(of: node) == new)

        #expect(directory.receive(.hello(node, old, hello), at: at(2)) == [.probe(new, node)])
        #expect(ticks(&directory, from: 2, to: 5.4).contains(.welcome(old)) == false)
        #expect(directory.receive(.tick, at: at(5.5)).contains(.welcome(old)))
    }

    @Test func `who is silent for 5 s is away, and is told so in case it can hear`() {
        var directory = directory()
        _ = directory.receive(.hello(node, old, hello), at: at(0))
        #expect(ticks(&directory, from: 0, to: 4.9).contains(.unheard(old)) == false)
        let effects = directory.receive(.tick, at: at(5))
        #expect(effects.first == .unheard(old) && presences(effects) == [false])
        #expect(directory.heard(node, old, at: at(6)).isKnown == false)
        #expect(presences(directory.receive(.hello(node, new, hello), at: at(6))) == [true])
    }

    @Test func `a broker that did not look for a minute takes nobody for silent, and everybody after 5 s of its own`() {
        var directory = directory()
        _ = directory.receive(.hello(node, old, hello), at: at(0))
        #expect(presences(directory.receive(.tick, at: at(60))) == [])
        #expect(presences(ticks(&directory, from: 60, to: 63.9)) == [])
        #expect(presences(ticks(&directory, from: 63.9, to: 64)) == [false])
    }

    @Test func `a node is told every 2 s that its broker is there, a gateway every second`() {
        var directory = directory()
        let door = Connection(side: .gateways, id: [9])
        let gateway = Principal("gateway:g")!
        _ = directory.receive(.hello(node, old, hello), at: at(0))
        _ = directory.receive(.hello(gateway, door, hello), at: at(0))
        let effects = ticks(&directory, from: 0, to: 4.5)
        #expect(effects.count { $0 == .heartbeat(old, node) } == 2)
        #expect(effects.count { $0 == .heartbeat(door, gateway) } == 4)
    }

    @Test func `a newcomer is refused while the old connection speaks`() {
        var directory = directory()
        _ = directory.receive(.hello(node, old, hello), at: at(0))
        _ = directory.receive(.hello(node, new, hello), at: at(1))
        let (isKnown, effects) = directory.heard(node, old, at: at(1.5))
        #expect(isKnown)
        guard case .refuse(new, node, let failure)? = effects.first else { return #expect(Bool(false)) }
        #expect(failure.code == .duplicate && directory.connection(of: node) == old)
        #expect(!ticks(&directory, from: 1.5, to: 4).contains(.welcome(new)))
    }

    @Test func `another version is refused`() {
        var directory = directory()
        let effects = directory.receive(
            .hello(
                node, old,
                .with {
                    $0.versionOldest = 2; $0.versionNewest = 3
                }), at: at(0))
        guard case .refuse(old, node, let failure)? = effects.first else { return #expect(Bool(false)) }
        #expect(failure.code == .version)
    }

    @Test func `a new registry revokes who is not in it and tells the gateways`() {
        var directory = directory()
        let door = Connection(side: .gateways, id: [9])
        _ = directory.receive(.hello(node, old, hello), at: at(0))
        _ = directory.receive(.hello(Principal("gateway:g")!, door, hello), at: at(0))
        let effects = directory.receive(.registry(registry(line("node:node1", 7) + line("gateway:g", 2))), at: at(1))
        #expect(effects == [.revoke(node), .roster(door)])
        #expect(directory.connection(of: node) == nil)
        #expect(directory.roster.nodes.map(\.present) == [false])
    }

    @Test func `a reader is waited for a moment, all together a hundredth of the time`() {
        var patience = ReaderPatience(at: start)
        var waited = Duration.zero
        for second in 0..<100 {
            while case let allowed = patience.allowed(at: start + .seconds(second)), allowed > .zero {
                #expect(allowed <= ReaderPatience.longest)
                // Whoever waits sleeps longer than allowed.
                patience.waited(allowed + .milliseconds(1))
                waited += allowed + .milliseconds(1)
            }
        }
        #expect(waited >= .seconds(1) && waited <= .seconds(1.001) + ReaderPatience.most)
        #expect(patience.allowed(at: start + .seconds(1000)) == ReaderPatience.longest)
    }

    @Test func `requests wait in their order, so many of each node, and none that is long`() {
        var waiting = RequestsWaiting()
        let gateway = Principal("gateway:g")!
        let request = { (sender: String, number: UInt8) in
            RequestsWaiting.Request(sender: sender, frames: [[number], [1]])
        }
        let long = RequestsWaiting.Request(sender: "node:c", frames: [[UInt8](repeating: 0, count: 600)])
        var added = (0..<RequestsWaiting.ofOne).map { waiting.add(request("node:a", UInt8($0)), for: gateway) }
        #expect(added.allSatisfy { $0 })
        added = [request("node:a", 200), request("node:b", 7), long].map { waiting.add($0, for: gateway) }
        #expect(added == [false, true, false])
        var taken: [RequestsWaiting.Request] = []
        waiting.handOn { _, request in
            guard taken.count < 100 else { return false }
            taken.append(request)
            return true
        }
        #expect(taken.map { $0.frames[0][0] } == (0..<100).map { UInt8($0) } && waiting.isWaiting(for: gateway))
        waiting.handOn { _, request in
            taken.append(request)
            return true
        }
        #expect(taken.count == RequestsWaiting.ofOne + 1 && taken.last == request("node:b", 7))
        #expect(!waiting.isWaiting(for: gateway) && waiting.count == 0)
    }

    @Test func `interest is the union of leases and grants, and ends with the last of them`() {
        var interest = Interest()
        #expect(interest.receive(.grants(["output/ana/"]), at: start) == [.begin("output/ana/")])
        #expect(
            interest.receive(.follow(gateway: "a", prefixes: ["event/", "status/n/"]), at: start) == [
                .begin("event/"), .begin("status/n/"),
            ])
        #expect(interest.receive(.follow(gateway: "b", prefixes: ["event/"]), at: start + .seconds(5)) == [])
        #expect(interest.receive(.tick, at: start + .seconds(15)) == [.end("status/n/")])
        #expect(interest.receive(.tick, at: start + .seconds(20)) == [.end("event/")])
        #expect(interest.receive(.tick, at: start + .seconds(2000)) == [])
    }

    @Test func `subscriptions are granted by prefix and bounded in number and length`() {
        var subscriptions = Subscriptions<Int>(
            registry: registry(line("service:s", 1, "grants=output/ana/") + line("gateway:g", 2)))
        let service = Principal("service:s")!
        let (key, gatewayKey) = ([UInt8](repeating: 0x10, count: 32), [UInt8](repeating: 0x20, count: 32))
        func ask(_ topic: String) -> Subscriptions<Int>.Verdict {
            subscriptions.request(Array(topic.utf8), by: service, key: key, over: 1)
        }
        for topic in ["", "output/", "output/an", "output/ana", "\u{1}"] { #expect(ask(topic) == .deny) }
        #expect(ask("output/ana/") == .accept && ask("output/ana/X/") == .accept)
        guard case .cutOff = ask("output/ana/" + String(repeating: "x", count: 246)) else {
            return #expect(Bool(false))
        }
        var last: Subscriptions<Int>.Verdict = .deny
        for _ in 0..<1000 { last = ask("output/ana/x/") }
        guard case .cutOff = last else { return #expect(Bool(false)) }
        #expect(subscriptions.request([], by: Principal("gateway:g")!, key: gatewayKey, over: 2) == .accept)
        // Nobody by that name, and somebody by a key that is not the name's any more.
        for (principal, key) in [
            ("service:other", key), ("service:s", gatewayKey), ("gateway:g", key), ("service:s", []),
        ] {
            guard case .end = subscriptions.request([], by: Principal(principal)!, key: key, over: 3) else {
                return #expect(Bool(false))
            }
        }
    }

    @Test(arguments: [
        ("node:n1", "output/ana/X/n1/", true), ("node:n1", "event/ana/X/n1/", true), ("node:n1", "status/n1/", true),
        ("node:n1", "output/ana/X/xn1/", false), ("node:n1", "output/ana/X/n2/", false),
        ("node:n1", "presence/n1/", false),
        ("node:n1", "output/ana/n1/", false), ("node:n1", "output/a/b/X/n1/", false), ("node:n1", "status/n1", false),
        ("node:n1", "n1/", false), ("node:n1", "", false), ("gateway:g", "event/ana/X/n1/", true),
        ("gateway:g", "output/ana/X/n1/", false), ("gateway:g", "status/n1/", false), ("", "event/ana/X/n1/", false),
        ("service:s", "event/ana/X/n1/", false),
    ])
    func `a topic is its sender's own or refused`(sender: String, topic: String, isAllowed: Bool) {
        let (sender, topic) = (Array(sender.utf8), Array(topic.utf8))
        let allows = sender.withUnsafeBytes { sender in topic.withUnsafeBytes { SenderCheck.allows(sender, topic: $0) }
        }
        #expect(allows == isAllowed)
    }

    @Test func `the door opens for a known key with business at the port`() {
        let registry = registry(line("node:n1", 1) + line("gateway:g", 2) + line("service:s", 3))
        var door = DoorPolicy(registry: registry, openedAt: start - DoorPolicy.settling)
        let expected: [String: [Port]] = [
            "node:n1": [.workers, .publishers, .bulk], "gateway:g": [.gateways, .publishers, .subscribers, .bulk],
            "service:s": [.subscribers],
        ]
        for peer in registry.peers {
            for port in Port.allCases {
                let verdict = door.admit(key: peer.publicKey, domain: port.domain, at: start)
                let isAdmitted = verdict == .admitted(peer.principal)
                #expect(isAdmitted == expected[peer.principal.description]!.contains(port))
            }
        }
        let key = [UInt8](repeating: 9, count: 32)
        guard case .refused(.unknownKey, let print, true) = door.admit(key: key, domain: Port.bulk.domain, at: start),
            case .refused(.unknownKey, print, false) = door.admit(key: key, domain: Port.bulk.domain, at: start)
        else { return #expect(Bool(false)) }
        guard
            case .refused(.malformed, _, _) = door.admit(key: registry.peers[0].publicKey, domain: "estiba", at: start)
        else { return #expect(Bool(false)) }
        door.refuse(node, until: start + .seconds(60))
        door.refuse(Principal("service:s")!, until: start + .seconds(60))
        #expect(
            door.admit(key: registry.peers[2].publicKey, domain: Port.subscribers.domain, at: start + .seconds(59))
                != .admitted(Principal("service:s")!))
        #expect(
            door.admit(key: registry.peers[2].publicKey, domain: Port.subscribers.domain, at: start + .seconds(60))
                == .admitted(Principal("service:s")!))
    }

    @Test func `a link that is not heard says hello, and makes its sockets anew when that is not answered in 3 s`() {
        var state = LineState(openedAt: start, jitter: 1)
        _ = state.receive(.welcomed(instance: 3), at: start)
        _ = ticks(&state, from: 0, to: 4.9)
        #expect(!state.isUncertain && state.receive(.unheard, at: start + .seconds(5)) == [.sayHello])
        #expect(state.isUncertain && !ticks(&state, from: 5, to: 7.999).contains(.rebuild))
        _ = state.receive(.heard, at: start + .milliseconds(7999))
        #expect(state.receive(.tick, at: start + .seconds(8)) == [.lost, .rebuild])
        var heard = LineState(openedAt: start, jitter: 1)
        _ = heard.receive(.welcomed(instance: 3), at: start)
        _ = ticks(&heard, from: 0, to: 4.9)
        _ = heard.receive(.unheard, at: start + .seconds(5))
        #expect(heard.receive(.welcomed(instance: 3), at: start + .seconds(7)) == [.connected(instance: 3)])
        #expect(heard.receive(.tick, at: start + .seconds(9)) == [.heartbeat])
    }

    @Test
    func `a link whose process stood still for a minute keeps its sockets, and has 5 s of its own for its broker`() {
        var state = LineState(openedAt: start, jitter: 1)
        _ = state.receive(.welcomed(instance: 3), at: start)
        #expect(state.receive(.tick, at: start + .seconds(60)) == [.heartbeat])
        #expect(!ticks(&state, from: 60, to: 62.9).contains(.rebuild))
        #expect(ticks(&state, from: 62.9, to: 63).contains(.rebuild))
    }

    @Test func `a link says hello until it is welcomed, beats, and makes its sockets anew after 5 s of silence`() {
        var state = LineState(openedAt: start, jitter: 1)
        #expect(state.receive(.tick, at: start) == [.sayHello])
        #expect(state.receive(.saidHello(false), at: start) == [])
        #expect(state.receive(.tick, at: start + .milliseconds(100)) == [.sayHello])
        _ = state.receive(.saidHello(true), at: start + .milliseconds(100))
        #expect(state.receive(.tick, at: start + .seconds(1)) == [])
        #expect(state.receive(.welcomed(instance: 3), at: start + .seconds(1)) == [.connected(instance: 3)])
        #expect(ticks(&state, from: 1, to: 2) == [.heartbeat])
        _ = state.receive(.heard, at: start + .seconds(2))
        #expect(state.receive(.helloAsked, at: start + .seconds(3)) == [.sayHello])
        // Everything that waited for the connection is answered by the same question; one hello is on its way.
        _ = state.receive(.saidHello(true), at: start + .seconds(3))
        #expect(state.receive(.helloAsked, at: start + .milliseconds(3050)) == [])
        #expect(state.receive(.welcomed(instance: 4), at: start + .seconds(3)) == [.lost, .connected(instance: 4)])
        #expect(!ticks(&state, from: 3, to: 7.999).contains(.rebuild))
        #expect(state.receive(.tick, at: start + .seconds(8)) == [.lost, .rebuild])
        #expect(state.receive(.tick, at: start + .seconds(9)) == [.sayHello])
        // The first attempt has at most 10 s, jitter and all; those after it ever more.
        var before = 9.0
        for second in [16.0, 32, 62, 92] {
            #expect(!ticks(&state, from: before, to: second - 0.001).contains(.rebuild))
            #expect(state.receive(.tick, at: start + .seconds(second)) == [.rebuild])
            before = second
        }
        #expect(LineState.patience * 1.25 <= .seconds(10))
    }
}

import Messages
import SwiftProtobuf
import Testing

@testable import Broker
@testable import Bus

/// Which keys of users stand, in virtual time.
struct UserGrantsTests {
    private let one = Principal("gateway:one")!
    private let two = Principal("gateway:two")!

    private func key(_ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: 32) }

    private func registry(_ principals: [String]) -> Registry {
        var registry = Registry()
        for (index, name) in principals.enumerated() {
            try! registry.add(Registry.Peer(principal: Principal(name)!, publicKey: key(UInt8(100 + index))))
        }
        return registry
    }

    private func grant(
        _ byte: UInt8, _ user: String, _ name: String, until: Int64 = 1000, _ prefixes: [String]? = nil
    ) -> WireGrant {
        .with {
            $0.key = .init(key(byte))
            $0.user = user
            $0.name = name
            $0.prefixes = prefixes ?? Topic.prefixes(of: user)
            $0.expiresMilliseconds = until
        }
    }

    private func grants(_ grants: WireGrant...) -> WireGrants { .with { $0.grants = grants } }

    @Test func `a grant stands until it expires, is taken back, or its gateway leaves the registry`() {
        var users = UserGrants(registry: registry(["gateway:one", "gateway:two"]))
        let ana = Principal("user:ana/laptop")!
        #expect(users.receive(.said(gateway: one, grants(grant(1, "ana", "laptop"))), at: 0) == [])
        #expect(users.standing.principals == [key(1): ana])
        #expect(users.standing.prefixes == [ana: ["output/ana/", "event/ana/"]])
        #expect(users.receive(.said(gateway: one, grants(grant(1, "ana", "laptop"))), at: 1) == nil)
        #expect(users.receive(.tick, at: 999) == nil)
        #expect(users.receive(.tick, at: 1000) == [ana])
        #expect(users.standing == .init())

        _ = users.receive(.said(gateway: one, grants(grant(1, "ana", "laptop", until: 5000))), at: 1001)
        #expect(users.receive(.said(gateway: one, grants()), at: 1002) == [ana])
        _ = users.receive(.said(gateway: one, grants(grant(1, "ana", "laptop", until: 5000))), at: 1003)
        #expect(users.receive(.registry(registry(["gateway:two"])), at: 1004) == [ana])
        #expect(users.receive(.said(gateway: one, grants(grant(1, "ana", "laptop", until: 5000))), at: 1005) == nil)
    }

    @Test func `what two gateways grant is the union, and each takes back only its own`() {
        var users = UserGrants(registry: registry(["gateway:one", "gateway:two"]))
        let both = grants(grant(1, "ana", "laptop"))
        _ = users.receive(.said(gateway: one, both), at: 0)
        #expect(users.receive(.said(gateway: two, both), at: 0) == nil)
        #expect(users.receive(.said(gateway: one, grants()), at: 0) == nil)
        #expect(users.standing.principals[key(1)] == Principal("user:ana/laptop"))
        // Another key by the same name at the other gateway: both are ana's laptop.
        _ = users.receive(.said(gateway: one, grants(grant(2, "ana", "laptop"))), at: 0)
        #expect(Set(users.standing.principals.keys) == [key(1), key(2)])
        #expect(users.receive(.said(gateway: two, grants()), at: 0) == [Principal("user:ana/laptop")!])
        #expect(Set(users.standing.principals.keys) == [key(2)])
    }

    @Test func `a key that is somebody's already is nobody else's`() {
        var users = UserGrants(registry: registry(["gateway:one", "gateway:two"]))
        let ana = Principal("user:ana/k")!
        _ = users.receive(.said(gateway: two, grants(grant(1, "ana", "k"))), at: 0)
        // Gateway one comes first by its name, but ana was there before.
        #expect(users.receive(.said(gateway: one, grants(grant(1, "eve", "k"))), at: 0) == nil)
        #expect(users.standing.principals == [key(1): ana])
        // Nor is a key of the registry: 100 is gateway:one's.
        _ = users.receive(.said(gateway: two, grants(grant(100, "ana", "k"))), at: 0)
        #expect(users.standing.principals[key(100)] == nil)
    }

    @Test(arguments: [
        ["output/bob/"], ["output/"], [""], ["output/anabel/"], ["output/ana"], ["event/"], ["status/node1/"],
        ["output/ana%2F/"], ["output/%61na/"], [], ["output/ana/" + String(repeating: "x", count: 250) + "/"],
        [String](repeating: "output/ana/", count: 17),
    ])
    func `a gateway grants a user's own topics and no others`(prefixes: [String]) {
        var users = UserGrants(registry: registry(["gateway:one"]))
        #expect(users.receive(.said(gateway: one, grants(grant(1, "ana", "k", prefixes))), at: 0) == nil)
        #expect(users.standing == .init())
    }

    @Test(arguments: ["", ".", "-x", "a/b", "a b", "ä", "a%2Fb", "\u{1b}[2J", String(repeating: "n", count: 65)])
    func `a name that is none is not taken`(name: String) {
        var users = UserGrants(registry: registry(["gateway:one"]))
        #expect(users.receive(.said(gateway: one, grants(grant(1, "ana", name))), at: 0) == nil)
    }

    @Test func `users that look like one another are not`() {
        var users = UserGrants(registry: registry(["gateway:one"]))
        let names = ["ana", "ana/x", "ana%2Fx", "Ana", "an", "ana2", "../ana", "output"]
        let all = names.enumerated().map { grant(UInt8($0.offset + 1), $0.element, "k") }
        _ = users.receive(.said(gateway: one, .with { $0.grants = all }), at: 0)
        let standing = users.standing
        #expect(standing.principals.count == names.count && standing.prefixes.count == names.count)
        let prefixes = standing.prefixes.values.flatMap { $0 }
        for one in prefixes { #expect(prefixes.filter { $0.hasPrefix(one) } == [one]) }
        #expect(standing.prefixes[Principal("user:ana%2Fx/k")!] == ["output/ana%2Fx/", "event/ana%2Fx/"])
        #expect(Principal("user:ana%2Fx/k")!.holder != Principal("user:ana/k")!.holder)
    }

    @Test func `a key of another length than 32 bytes is not taken`() {
        var users = UserGrants(registry: registry(["gateway:one"]))
        var short = grant(1, "ana", "k")
        short.key = .init([UInt8](repeating: 1, count: 31))
        #expect(users.receive(.said(gateway: one, grants(short)), at: 0) == nil)
        #expect(users.receive(.said(gateway: two, grants(grant(1, "ana", "k"))), at: 0) == nil)
    }

    @Test func `who holds a key that was taken back gains nothing by the name's next key`() {
        var users = UserGrants(registry: registry(["gateway:one"]))
        var subscriptions = Subscriptions<Int>(registry: registry(["gateway:one"]))
        let ana = Principal("user:ana/laptop")!
        func asks(_ byte: UInt8) -> Subscriptions<Int>.Verdict {
            subscriptions.replace(users: users.standing)
            return subscriptions.request(Array("output/ana/".utf8), by: ana, key: key(byte), over: Int(byte))
        }
        _ = users.receive(.said(gateway: one, grants(grant(1, "ana", "laptop"))), at: 0)
        #expect(asks(1) == .accept)
        #expect(users.receive(.said(gateway: one, grants(grant(2, "ana", "laptop"))), at: 0) == [ana])
        #expect(asks(1) == .end(reason: "not known any more"))
        #expect(asks(2) == .accept)
    }

    @Test func `the door knows users' keys, at the readers' port alone, and is patient while it settles`() {
        let start = ContinuousClock.now
        var door = DoorPolicy(registry: registry(["gateway:one"]), openedAt: start)
        #expect(door.admit(key: key(1), domain: Port.subscribers.domain, at: start) == .later)
        for port in Port.allCases where port != .subscribers {
            guard case .refused(.unknownKey, _, _) = door.admit(key: key(1), domain: port.domain, at: start) else {
                return #expect(Bool(false))
            }
        }
        let ana = Principal("user:ana/k")!
        door.grant([key(1): ana, key(100): ana])
        #expect(door.admit(key: key(1), domain: Port.subscribers.domain, at: start) == .admitted(ana))
        #expect(door.admit(key: key(100), domain: Port.subscribers.domain, at: start) == .admitted(one))
        for port in Port.allCases where port != .subscribers {
            guard case .refused(.wrongPort, _, _) = door.admit(key: key(1), domain: port.domain, at: start) else {
                return #expect(Bool(false))
            }
        }
        door.grant([:])
        let later = start + DoorPolicy.settling
        guard case .refused(.unknownKey, _, _) = door.admit(key: key(1), domain: Port.subscribers.domain, at: later)
        else { return #expect(Bool(false)) }
    }

    @Test func `a reader that comes too often waits for the next minute, and with it all keys of its user`() {
        let start = ContinuousClock.now
        var door = DoorPolicy(registry: registry(["gateway:one"]), openedAt: start)
        door.grant([
            key(1): Principal("user:ana/a")!, key(2): Principal("user:ana/b")!, key(3): Principal("user:ana2/a")!,
        ])
        func admits(_ byte: UInt8, _ seconds: Int) -> Bool {
            door.admit(key: key(byte), domain: Port.subscribers.domain, at: start + .seconds(seconds)) != .later
        }
        for visit in 0..<60 { #expect(admits(UInt8(1 + visit % 2), 1)) }
        #expect(!admits(1, 59) && !admits(2, 59) && admits(3, 59) && admits(100, 59))
        #expect(admits(1, 60))
    }
}

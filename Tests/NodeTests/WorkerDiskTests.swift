import Foundation
import Messages
import Sodium
import Supervisor
import SwiftProtobuf
import Testing

@testable import Bus
@testable import Worker

/// A folder that goes with the test.
private func withFolder<T>(_ body: (String) throws -> T) rethrows -> T {
    let path = NSTemporaryDirectory() + "estiba-test-\(UUID().uuidString)"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
}

struct RunStoreTests {
    let execution = ExecutionID(high: 3, low: 4)

    @Test func `an accepted order is found again, with its last state`() throws {
        try withFolder { path in
            let store = try RunStore(data: path)
            try store.accept(execution, order: [1, 2, 3])
            var found = try #require(try store.all().first)
            #expect(found.order == [1, 2, 3] && found.last == nil && !found.isBegun && !found.isSettled)
            var report = WireReport()
            RunState.exited(code: 4).fill(&report)
            try store.conclude(execution, report)
            found = try #require(try store.all().first)
            #expect(found.last.flatMap(RunState.init) == .exited(code: 4))
            store.letGo(execution)
            #expect(try #require(try store.all().first).isSettled)
        }
    }

    @Test func `a folder without a whole order was never acknowledged and goes`() throws {
        try withFolder { path in
            let store = try RunStore(data: path)
            try FileManager.default.createDirectory(
                atPath: store.folder(of: execution).path, withIntermediateDirectories: true)
            #expect(try store.all().isEmpty)
            #expect(!FileManager.default.fileExists(atPath: store.folder(of: execution).path))
        }
    }

    @Test func `a stop before the order is found with its state, and half written not at all`() throws {
        try withFolder { path in
            let store = try RunStore(data: path)
            var report = WireReport()
            RunState.cancelled.fill(&report)
            try store.cancel(execution, report)
            let found = try #require(try store.all().first)
            #expect(found.order.isEmpty && found.last.flatMap(RunState.init) == .cancelled)
            let folder = store.folder(of: execution).path
            try FileManager.default.removeItem(atPath: folder + "/order")
            #expect(try store.all().isEmpty)
            #expect(!FileManager.default.fileExists(atPath: folder))
            // What cannot be written whole leaves nothing.
            try FileManager.default.createDirectory(atPath: folder + "/order.new", withIntermediateDirectories: true)
            #expect(throws: (any Error).self) { try store.cancel(execution, report) }
            #expect(!FileManager.default.fileExists(atPath: folder + "/report"))
        }
    }

    @Test func `every start of the worker has a greater epoch`() throws {
        try withFolder { path in
            let store = try RunStore(data: path)
            #expect(try store.nextEpoch(data: path) == 1)
            #expect(try store.nextEpoch(data: path) == 2)
        }
    }
}

struct LaunchTests {
    let launch = Launch(
        node: NodeName("n1")!, execution: ExecutionID(high: 0, low: 1),
        account: Account(name: "ana", uid: 1001, gid: 1001, groups: [1001, 27], home: "/home/ana", shell: "/bin/bash"),
        home: "/srv/n1/ana", placed: nil)

    @Test func `the environment is an allow-list that an order can only add to`() {
        let extra: [WireVariable] = [("A", "1"), ("HOME", "/root"), ("X=Y", "2"), ("", "3")].map { name, value in
            .with {
                $0.name = name
                $0.value = value
            }
        }
        let environment = launch.environment(folder: "/srv/n1/ana/bin", extra: extra)
        #expect(environment.contains("A=1") && environment.contains("HOME=/srv/n1/ana"))
        #expect(environment.contains("ESTIBA_FOLDER=/srv/n1/ana/bin") && environment.contains("ESTIBA_NODE=n1"))
        #expect(
            !environment.contains("HOME=/root") && !environment.contains { $0.hasPrefix("X=Y") || $0.hasPrefix("=") })
    }

    @Test func `a shell line goes to the user's login shell, and arguments as they are`() {
        var order = WireOrder()
        order.command.shellLine = "echo hi; exit 3"
        #expect(
            launch.plan(order, spool: 1, cgroup: "", session: nil).arguments == ["/bin/bash", "-c", "echo hi; exit 3"])
        order.command.shellLine = ""
        order.command.arguments = ["echo", "; $(id) | > &"]
        let plan = launch.plan(order, spool: 1, cgroup: "", session: nil)
        #expect(plan.arguments == ["echo", "; $(id) | > &"] && plan.account.groups == [1001, 27])
    }

    @Test(arguments: [
        ("", "/srv/n1/ana"), ("~", "/srv/n1/ana"), ("~/x", "/srv/n1/ana/x"), ("x/y", "/srv/n1/ana/x/y"),
        ("/opt", "/opt"),
    ])
    func `relative folders lie in the home`(folder: String, expected: String) {
        #expect(launch.resolved(folder) == expected)
    }

    @Test func `why a command did not start is a refusal with the node's name in it`() {
        var order = WireOrder()
        order.command.arguments = ["nothing-here"]
        guard case .refused(let failure) = launch.state(.failed(.notFound), of: order) else {
            Issue.record("not refused")
            return
        }
        #expect(
            failure.code == .notFound && failure.sentence.contains("n1") && failure.sentence.contains("nothing-here"))
    }
}

struct AdmissionTests {
    let node = NodeName("n1")!
    let nodePair = KeyPair.random()
    let authority = KeyPair.random()
    let execution = ExecutionID(high: 5, low: 6)
    let now: Int64 = 1_800_000_000_000

    private func message(
        _ change: (inout WireOrder) -> Void = { _ in }, after: (inout WireOrder) -> Void = { _ in },
        sender: String = "gateway:g1", issued: Int64? = nil, node: NodeName? = nil
    ) throws -> Link.Incoming {
        var order = WireOrder.with {
            $0.execution = Data(execution.bytes)
            $0.owner = "gateway:g1"
            $0.user = "ana"
            $0.uid = 1001
        }
        change(&order)
        let ticket = Ticket(
            uid: 1001, user: "ana", execution: execution, session: [UInt8](repeating: 1, count: 16),
            order: try order.serializedBytes(), issuedMilliseconds: issued ?? now)
        after(&order)
        let keys = try #require(
            NodeKeys(
                authoritySecret: authority.secretKey, authorityPublic: authority.publicKey,
                nodePublic: nodePair.publicKey))
        let delivery = try WireDelivery.with {
            $0.ticket = Data(ticket.bytes)
            $0.order = try order.serializedBytes()
        }
        let header = Header(.order, execution)
        return Link.Incoming(
            lane: .commands, broker: 0, sender: Principal(sender), header: header, headerBytes: header.bytes,
            body: try delivery.serializedBytes(),
            tag: Tags.order(
                ticket: ticket.bytes, node: node ?? self.node, enrolment: NodeKeys.enrolment(of: nodePair.publicKey),
                keys: keys))
    }

    private func judge(_ message: Link.Incoming, at time: Int64?) throws -> String {
        let keys = try #require(
            NodeKeys(
                nodeSecret: nodePair.secretKey, nodePublic: nodePair.publicKey, authorityPublic: authority.publicKey))
        let admission = Admission(node: node, enrolment: NodeKeys.enrolment(of: nodePair.publicKey), keys: keys)
        return switch admission.judge(message, ownerMilliseconds: time) {
        case .admitted: "admitted"
        case .refused(let failure): failure.code.rawValue
        case .tooEarly: "too early"
        }
    }

    @Test func `an order with its own ticket is admitted within its minute`() throws {
        #expect(try judge(message(), at: now) == "admitted")
        #expect(try judge(message(), at: now + 60_000) == "admitted")
        #expect(try judge(message(), at: now + 60_001) == "expired_ticket")
        #expect(try judge(message(), at: now - 60_001) == "not_yet")
        #expect(try judge(message(), at: nil) == "too early")
    }

    @Test func `an order that is not the ticket's is not believed`() throws {
        #expect(try judge(message(after: { $0.command.shellLine = "id" }), at: now) == "bad_ticket")
        #expect(try judge(message({ $0.user = "root" }), at: now) == "bad_ticket")
        #expect(try judge(message({ $0.uid = 0 }), at: now) == "bad_ticket")
        #expect(try judge(message({ $0.nodes = ["n2"] }), at: now) == "bad_ticket")
        #expect(try judge(message({ $0.nodes = ["n1", "n2"] }), at: now) == "admitted")
        #expect(try judge(message(sender: "gateway:g2"), at: now) == "bad_ticket")
        #expect(try judge(message(node: NodeName("n2")), at: now) == "bad_ticket")
    }
}

struct ChoresTests {
    @Test func `one whose chores are held up holds up nobody else's`() async {
        let chores = Chores(threads: 4, share: 2)
        let gate = DispatchSemaphore(value: 0)
        for _ in 0..<8 { chores.add(for: 1001) { gate.wait() } }
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            chores.add(for: 1002) { done.resume() }
        }
        for _ in 0..<8 { gate.signal() }
        // And the rest of the first one's are done in their turn.
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            chores.add(for: 1001) { done.resume() }
        }
    }
}

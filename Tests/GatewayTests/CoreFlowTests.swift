import Bus
import Foundation
import Logging
import Messages
import Sodium
import Spool
import Synchronization
import Testing
import ZeroMQ

@testable import Gateway

/// The whole core with its real threads, journal and logs; the test stands where the bus end would.
@Suite struct CoreFlowTests {
    private let ana = Identity(user: "ana", uid: 1000, session: [UInt8](repeating: 3, count: 16))

    @Test func `a run's output and end come through, byte for byte`() async throws {
        let core = try TestCore(nodes: ["a", "b"])
        try await core.running {
            core.arrive("a")
            core.arrive("b")
            let request = ExecutionRequest(nodes: ["a", "b"], command: .init(line: "echo hi"))
            let (view, isNew) = try await core.executions.submit(request, by: ana, idempotencyKey: "one")
            #expect(isNew && view.nodes == 2 && view.command == "echo hi")
            let id = try #require(ExecutionID(view.execution))
            let order = try await core.bus.order(of: id)
            #expect(Set(order.nodes.map(\.description)) == ["a", "b"])
            let again = try await core.executions.submit(request, by: ana, idempotencyKey: "one")
            #expect(!again.isNew && again.view.execution == view.execution)

            let record = Record.bytes(.stdout, Array("hi\n".utf8), timeNanoseconds: 1)
            core.report(id, "a", .delivered, sequence: 1)
            core.report(id, "a", .exited(code: 3), sequence: 2, final: UInt64(2 * record.count))
            core.report(id, "b", .refused(Failure(.notPermitted, "no")), sequence: 1)
            core.slice(id, "a", record, at: 0)
            core.slice(id, "a", record, at: 0)
            core.slice(id, "a", record, at: UInt64(record.count))
            try await core.untilComplete(id)

            let shown = try await core.executions.show(id, user: "ana")
            #expect(shown.complete && shown.counts == ["exited": 1, "refused": 1])
            #expect(shown.runs?[0].code == 3 && shown.runs?[1].reason?.code == "not_permitted")
            #expect(shown.failed == 2 && shown.request == request && view.request == request)
            let listed = try await core.executions.list(user: "ana", active: false, limit: 1, before: nil)
            #expect(listed.map(\.failed) == [2] && listed[0].request == nil && listed[0].runs == nil)
            let piece = try core.logs.reader(for: id).read(from: 0, upTo: 1 << 20)
            #expect(Self.records(piece.bytes) == record + record)
            try await core.bus.wait { items in
                items.contains { if case .reported(id, node("a"), 2) = $0 { true } else { false } }
            }
            try await core.bus.wait { items in
                items.contains {
                    if case .copied(id, node("a"), 7, UInt64(2 * record.count)) = $0 { true } else { false }
                }
            }
        }
    }

    @Test func `another user sees nothing of it, and strange nodes refuse the whole request`() async throws {
        let core = try TestCore(nodes: ["a"])
        try await core.running {
            let request = ExecutionRequest(nodes: ["a"], command: .init(arguments: ["true"]))
            let (view, _) = try await core.executions.submit(request, by: ana, idempotencyKey: nil)
            let id = try #require(ExecutionID(view.execution))
            await #expect { try await core.executions.show(id, user: "bob") } throws: {
                ($0 as? Failure)?.code == .unknownExecution
            }
            let bob = Identity(user: "bob", uid: 1001, session: ana.session)
            await #expect { try await core.executions.stop(id, nodes: nil, graceMilliseconds: nil, by: bob) } throws: {
                ($0 as? Failure)?.code == .unknownExecution
            }
            var strange = request
            strange.nodes = ["a", "x", "y"]
            await #expect { try await core.executions.submit(strange, by: ana, idempotencyKey: nil) } throws: {
                ($0 as? Failure)?.code == .unknownNode && ($0 as? Failure)?.nodes == ["x", "y"]
            }
            #expect(try await core.executions.list(user: "ana", active: true, limit: 9, before: nil).count == 1)
            #expect(try await core.executions.list(user: "bob", active: false, limit: 9, before: nil).isEmpty)
        }
    }

    @Test func `a slice whose MAC is wrong, or of a stranger, never reaches the log`() async throws {
        let core = try TestCore(nodes: ["a", "b"])
        try await core.running {
            let request = ExecutionRequest(nodes: ["a"], command: .init(arguments: ["true"]))
            let (view, _) = try await core.executions.submit(request, by: ana, idempotencyKey: nil)
            let id = try #require(ExecutionID(view.execution))
            let record = Record.bytes(.stdout, Array("x".utf8), timeNanoseconds: 1)
            core.slice(id, "a", record, at: 0, spoilt: true)
            core.slice(id, "b", record, at: 0)
            core.slice(id, "a", record, at: 0)
            let end = try await core.logs.growth(of: id, beyond: LogReader.start)
            #expect(end.offset == LogReader.start + UInt64(LogEntry.headerSize + record.count))
        }
    }

    @Test func `what is damaged becomes a gap, and readers get everything else`() async throws {
        let core = try TestCore(nodes: ["a", "b"])
        try await core.running {
            let request = ExecutionRequest(nodes: ["a", "b"], command: .init(arguments: ["true"]))
            let (view, _) = try await core.executions.submit(request, by: ana, idempotencyKey: nil)
            let id = try #require(ExecutionID(view.execution))
            let record = Record.bytes(.stdout, Array("x".utf8), timeNanoseconds: 1)
            let length = UInt64(record.count)
            core.slice(id, "a", [UInt8](repeating: 0xFF, count: record.count), at: 0)
            core.slice(id, "a", record.dropLast() + [record[record.count - 1] ^ 1], at: length)
            core.slice(id, "a", record, at: 2 * length)
            core.slice(id, "b", record, at: 0)
            core.report(id, "a", .exited(code: 0), sequence: 1, final: 3 * length)
            core.report(id, "b", .exited(code: 0), sequence: 1, final: length)
            try await core.untilComplete(id)
            let piece = try core.logs.reader(for: id).read(from: 0, upTo: 1 << 20)
            #expect(Self.records(piece.bytes) == record + record)
            #expect(try await core.executions.show(id, user: "ana").runs?[0].copied == 3 * length)
        }
    }

    @Test func `after a restart the execution goes on where it was`() async throws {
        let folder = Folder()
        let record = Record.bytes(.stdout, Array("line\n".utf8), timeNanoseconds: 1)
        let length = UInt64(record.count)
        var started: ExecutionID?
        do {
            let core = try TestCore(nodes: ["a"], folder: folder)
            try await core.running {
                core.arrive("a")
                let request = ExecutionRequest(nodes: ["a"], command: .init(arguments: ["true"]))
                let (view, _) = try await core.executions.submit(request, by: ana, idempotencyKey: nil)
                let id = try #require(ExecutionID(view.execution))
                started = id
                core.report(id, "a", .running(pid: 4), sequence: 1)
                core.slice(id, "a", record, at: 0)
                _ = try await core.logs.growth(of: id, beyond: LogReader.start)
            }
        }
        let id = try #require(started)
        let core = try TestCore(nodes: ["a"], folder: folder)
        try await core.running {
            let shown = try await core.executions.show(id, user: "ana")
            #expect(shown.runs?.first?.state == "running" && !shown.complete)
            #expect(shown.failed == 0 && shown.request?.nodes == ["a"] && shown.request?.command?.arguments == ["true"])
            core.arrive("a")
            try await core.bus.wait { items in
                items.contains { if case .replay(id, node("a"), 7, length, _) = $0 { true } else { false } }
            }
            core.slice(id, "a", record, at: length)
            core.report(id, "a", .exited(code: 0), sequence: 2, final: 2 * length)
            try await core.untilComplete(id)
            let piece = try core.logs.reader(for: id).read(from: 0, upTo: 1 << 20)
            #expect(Self.records(piece.bytes) == record + record)
        }
    }

    @Test func `a stop of a run that was never sent cancels it and completes the execution`() async throws {
        let core = try TestCore(nodes: ["a"])
        try await core.running {
            let request = ExecutionRequest(nodes: ["a"], command: .init(arguments: ["true"]))
            let (view, _) = try await core.executions.submit(request, by: ana, idempotencyKey: nil)
            let id = try #require(ExecutionID(view.execution))
            let changes = await core.executions.changes(of: id)
            try await core.executions.stop(id, nodes: nil, graceMilliseconds: 5, by: ana)
            var states: [String] = []
            for await views in changes { states += views.map(\.state) }
            #expect(states == ["cancelled"])
            try await core.untilComplete(id)
        }
    }

    @Test func `all of mine on a node is stopped at once, durably, and nobody else's`() async throws {
        let folder = Folder()
        let bob = Identity(user: "bob", uid: 1001, session: ana.session)
        do {
            let core = try TestCore(nodes: ["a", "b"], folder: folder)
            try await core.running {
                core.arrive("a")
                core.arrive("b")
                let both = ExecutionRequest(nodes: ["a", "b"], command: .init(line: "sleep 9"), graceMilliseconds: 70)
                let (first, _) = try await core.executions.submit(both, by: ana, idempotencyKey: nil)
                let one = ExecutionRequest(nodes: ["a"], command: .init(line: "sleep 9"))
                let (second, _) = try await core.executions.submit(one, by: ana, idempotencyKey: nil)
                let (others, _) = try await core.executions.submit(one, by: bob, idempotencyKey: nil)
                for view in [first, second, others] {
                    core.report(try #require(ExecutionID(view.execution)), "a", .running(pid: 4), sequence: 1)
                }
                let stopping = try await core.executions.stopAll(on: ["a"], graceMilliseconds: nil, by: ana)
                #expect(Set(stopping.map(\.execution)) == [first.execution, second.execution])
                #expect(stopping.allSatisfy { $0.nodes == ["a"] })
                let id = ExecutionID(first.execution)
                try await core.bus.wait { items in
                    items.contains {
                        if case .stop(id, [node("a")], StopWish(graceMilliseconds: 70, user: "ana")) = $0 {
                            true
                        } else {
                            false
                        }
                    }
                }
                let other = ExecutionID(others.execution)
                try await core.bus.wait { items in
                    !items.contains { if case .stop(other, _, _) = $0 { true } else { false } }
                }
            }
        }
        // The wishes outlive the gateway.
        let core = try TestCore(nodes: ["a", "b"], folder: folder)
        try await core.running {
            core.arrive("a")
            try await core.bus.wait { items in
                items.count { if case .stop(_, [node("a")], _) = $0 { true } else { false } } >= 2
            }
            await #expect { try await core.executions.stopAll(on: ["c"], graceMilliseconds: nil, by: ana) } throws: {
                ($0 as? Failure)?.code == .unknownNode
            }
            await #expect { try await core.executions.stopAll(on: [], graceMilliseconds: nil, by: ana) } throws: {
                ($0 as? Failure)?.code == .noNodes
            }
        }
    }

    @Test func `many slices in a row arrive in order and at speed`() async throws {
        let core = try TestCore(nodes: ["a"])
        try await core.running {
            let request = ExecutionRequest(nodes: ["a"], command: .init(arguments: ["seq"]))
            let (view, _) = try await core.executions.submit(request, by: ana, idempotencyKey: nil)
            let id = try #require(ExecutionID(view.execution))
            let record = Record.bytes(.stdout, [UInt8](repeating: 0x61, count: 60_000), timeNanoseconds: 1)
            for number in 0..<120 { core.slice(id, "a", record, at: UInt64(number * record.count)) }
            core.report(id, "a", .exited(code: 0), sequence: 1, final: UInt64(120 * record.count))
            let start = ContinuousClock.now
            try await core.untilComplete(id)
            #expect(ContinuousClock.now - start < .seconds(5))
            #expect(try await core.executions.show(id, user: "ana").runs?.first?.copied == UInt64(120 * record.count))
        }
    }

    static func records(_ entries: [UInt8]) -> [UInt8] {
        var rest = entries[...]
        var records: [UInt8] = []
        while let entry = Array(rest).withUnsafeBytes({ LogEntry($0) }) {
            records += rest.dropFirst(LogEntry.headerSize).prefix(entry.length)
            rest = rest.dropFirst(entry.size)
        }
        return records
    }
}

/// What the core wanted sent.
final class SentItems: Sendable {
    private let items = Mutex<[Outgoing]>([])

    func add(_ more: [Outgoing]) { items.withLock { $0 += more } }

    /// Waits until what was sent is as wished.
    func wait(_ isThere: ([Outgoing]) -> Bool) async throws {
        try await eventually("a sending of the kind") { isThere(items.withLock { $0 }) }
    }

    func order(of id: ExecutionID) async throws -> (order: Outgoing.Order, nodes: [NodeName]) {
        var found: (Outgoing.Order, [NodeName])?
        try await wait { items in
            for case .deliver(let order, let nodes) in items where order.execution == id { found = (order, nodes) }
            return found != nil
        }
        return try #require(found)
    }
}

/// The core's parts, put together as `GatewayCore` does, but for the bus.
final class TestCore: Sendable {
    let folder: Folder
    let bus = SentItems()
    let nodes = NodeTable()
    let logs: Logs
    let executions: Executions
    private let copier = CopierThread()
    private let keys: KeyRing
    private let inbox: AsyncStream<[Gateway.Incoming]>.Continuation

    init(nodes names: [String], folder: Folder = Folder(), logBytes: UInt64 = .max) throws {
        self.folder = folder
        try Self.prepare(folder, names)
        keys = try KeyRing(authority: KeyPair(path: folder.path("authority")), registry: folder.path("registry"))
        let logs = Logs(folder: folder.path("logs"))
        let (stream, end) = AsyncStream.makeStream(of: [Gateway.Incoming].self)
        let (bus, copier, blobs) = (bus, copier, try BlobStore(folder: folder.path("blobs")))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        self.logs = logs
        inbox = end
        nodes.apply([.registered(keys.nodes)])
        let journal = try Journal(path: folder.path("journal.sqlite"))
        executions = Executions(
            Executions.Surroundings(
                owner: Principal(.gateway, "g1"), journal: journal, logs: logs,
                blobs: blobs, nodes: nodes, bulk: Bulk(store: blobs), bus: { bus.add($0) },
                copier: { copier.call($0) }, logger: logger,
                others: Others(journal: journal, nodes: nodes, logger: logger)),
            inbox: (stream, end))
        try copier.start(
            try Context(), logs: logs, keys: keys, logBytes: logBytes,
            sinks: Copier.Sinks(bus: { bus.add($0) }, executions: { end.yield($0) }), logger: logger)
    }

    private static func prepare(_ folder: Folder, _ names: [String]) throws {
        guard !FileManager.default.fileExists(atPath: folder.path("registry")) else { return }
        try FileManager.default.createDirectory(atPath: folder.path("logs"), withIntermediateDirectories: true)
        try KeyPair.random().save(to: folder.path("authority"))
        let lines = names.map { "node:\($0) \(KeyPair.random().publicText)\n" }.joined()
        try Data(lines.utf8).write(to: URL(fileURLWithPath: folder.path("registry")))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: folder.path("registry"))
    }

    /// Runs the core while `body` runs.
    func running(_ body: () async throws -> Void) async throws {
        try await executions.resume()
        let life = Task { await executions.run() }
        defer { copier.stop() }
        do {
            try await body()
        } catch {
            life.cancel()
            throw error
        }
        life.cancel()
        await life.value
        await executions.close()
    }

    func arrive(_ name: String) {
        inbox.yield([.arrived(node(name))])
        copier.receive([.arrived(node(name))])
    }

    func report(_ id: ExecutionID, _ name: String, _ state: RunState, sequence: UInt64, final: UInt64 = 0) {
        let report = Dispatcher.Report(sequence: sequence, state: state, spool: 7, finalLength: final)
        inbox.yield([.reported(id, node(name), report)])
    }

    func slice(_ id: ExecutionID, _ name: String, _ records: [UInt8], at position: UInt64, spoilt: Bool = false) {
        guard let keys = keys[node(name)]?.keys else { return }
        let topic = Topic.output(user: "ana", id, node(name)).bytes
        var header = SliceHeader(
            length: UInt32(records.count), spool: 7, position: position, timeNanoseconds: 5)
        header.mac = SliceMAC.compute(topic: topic, header: header, records: records, keys: keys)
        if spoilt { header.mac[0] ^= 1 }
        copier.receive([.slice(topic: topic, header: header.bytes, records: records)])
    }

    func untilComplete(_ id: ExecutionID) async throws {
        var offset = LogReader.start
        while true {
            let end = try await logs.growth(of: id, beyond: offset)
            if end.isComplete { break }
            offset = end.offset
        }
        try await eventually("the end of \(id)") { try await executions.isComplete(id) }
    }
}

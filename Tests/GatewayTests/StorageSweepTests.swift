import Foundation
import Logging
import Messages
import NIOCore
import Spool
import Testing

@testable import Gateway

/// Everything that grows at a gateway is bounded and swept.
@Suite struct StorageSweepTests {
    private let folder = Folder()
    private let day: Int64 = 86_400_000
    private let now = Moment.now().unixMilliseconds

    private struct Bench {
        let journal: Journal
        let logs: Logs
        let blobs: BlobStore
        let sweeper: Sweeper
    }

    private func bench(_ retention: Retention = Retention()) throws -> Bench {
        try FileManager.default.createDirectory(atPath: folder.path("logs"), withIntermediateDirectories: true)
        let journal = try Journal(path: folder.path("journal.sqlite"))
        let (logs, blobs) = (
            Logs(folder: folder.path("logs")), try BlobStore(folder: folder.path("blobs"), retention: retention)
        )
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return Bench(
            journal: journal, logs: logs, blobs: blobs,
            sweeper: Sweeper(retention: retention, journal: journal, logs: logs, blobs: blobs, logger: logger))
    }

    private func id(_ number: Int) -> ExecutionID { ExecutionID(high: 2, low: UInt64(number)) }

    private func accept(_ number: Int, _ bench: Bench, blob: BlobID? = nil, endedAt end: Int64?) async throws {
        let base = head(id(number), [node("a")])
        let files = blob.map { [ExecutionHead.File(name: "f", folder: "", size: 3, blob: $0.description)] } ?? []
        let made = ExecutionHead(
            id: base.id, submission: base.submission, user: "ana", uid: 1, session: base.session, kind: base.kind,
            command: base.command, createdMilliseconds: now - 40 * day, deadlineMilliseconds: now, nodes: base.nodes,
            files: files, graceMilliseconds: 0, log: UInt64(number))
        let request = ExecutionRequest(nodes: ["a"])
        _ = try await bench.journal.accept([.init(head: made, order: [1], request: request)], key: ("k\(number)", [1]))
        try bench.logs.create(made, createdNanoseconds: 1)
        if let end { try await bench.journal.write([.complete(made.id)], at: end) }
    }

    private func bring(_ text: String, _ store: BlobStore, by user: String = "ana") async throws -> BlobID {
        let writer = try store.writer(for: user)
        try await writer.write(ByteBuffer(string: text))
        return try await writer.finish().blob
    }

    /// As if nobody had brought or named it since then.
    private func age(_ blob: BlobID, _ store: BlobStore, to time: Int64) throws {
        let date = Date(timeIntervalSince1970: Double(time) / 1000)
        for name in try File.names(in: store.path(blob) + "/by") {
            try FileManager.default.setAttributes(
                [.modificationDate: date], ofItemAtPath: "\(store.path(blob))/by/\(name)")
        }
    }

    @Test func `an execution goes with its log thirty days after its end, and what lives stays`() async throws {
        let bench = try bench()
        try await accept(1, bench, endedAt: now - 31 * day)
        try await accept(2, bench, endedAt: now - 29 * day)
        try await accept(3, bench, endedAt: nil)
        await bench.sweeper.sweep(at: now)
        #expect(try await bench.journal.entry(id(1)) == nil)
        #expect(
            try await bench.journal.entry(id(2)) != nil
                && bench.journal.unfinished().map(\.execution.head.id) == [id(3)])
        #expect(Set(bench.logs.all()) == [id(2), id(3)])
        #expect(try await bench.journal.tomb(id(1)) == .init(user: "ana", at: now))
        await bench.sweeper.sweep(at: now + 31 * day)
        #expect(try await bench.journal.tomb(id(1)) == nil)
        #expect(try await bench.journal.tomb(id(2)) != nil)
        #expect(await bench.sweeper.count.executions == 2)
    }

    @Test func `hundreds go in one sweep, and the journal takes new work meanwhile`() async throws {
        let bench = try bench()
        for number in 0..<350 { try await accept(number, bench, endedAt: now - 31 * day) }
        async let swept: Void = bench.sweeper.sweep(at: now)
        try await accept(1000, bench, endedAt: nil)
        await swept
        #expect(bench.logs.all() == [id(1000)])
        #expect(await bench.sweeper.count.executions == 350)
    }

    @Test func `keys go after a day, never before their execution`() async throws {
        let bench = try bench()
        try await accept(1, bench, endedAt: nil)
        await bench.sweeper.sweep(at: now - 39 * day - day / 2)
        #expect(try await bench.journal.known(("k1", [1]), of: "ana") != nil)
        await bench.sweeper.sweep(at: now)
        #expect(try await bench.journal.known(("k1", [1]), of: "ana") == nil)
        var short = Retention()
        short.executions = .seconds(60)
        #expect(short.keysKept == .seconds(60))
    }

    @Test func `a file stays while an execution names it, or for a day`() async throws {
        let bench = try bench()
        let (named, young, old) = (
            try await bring("named", bench.blobs), try await bring("young", bench.blobs),
            try await bring("old", bench.blobs)
        )
        try await accept(1, bench, blob: named, endedAt: now - day)
        for blob in [named, old] { try age(blob, bench.blobs, to: now - 2 * day) }
        bench.blobs.survey()
        #expect(bench.blobs.heldBytes(of: "ana") == 13)
        await bench.sweeper.sweep(at: now)
        #expect(Set(bench.blobs.blobs()) == [named, young] && bench.blobs.heldBytes(of: "ana") == 10)
        for _ in 0..<4 { await bench.sweeper.sweep(at: now) }
        // With its execution it goes; one that was named a moment ago stays.
        _ = bench.blobs.claim(young, for: "ana")
        await bench.sweeper.sweep(at: now + 30 * day)
        #expect(Set(bench.blobs.blobs()).isEmpty)
    }

    @Test func `a file that is named while it is looked at stays`() async throws {
        let bench = try bench()
        let blob = try await bring("abc", bench.blobs)
        try age(blob, bench.blobs, to: now - 2 * day)
        #expect(bench.blobs.claim(blob, for: "ana") == 3)
        #expect(bench.blobs.remove(blob, at: now) == false && bench.blobs.size(of: blob, for: "ana") == 3)
        #expect(bench.blobs.claim(blob, for: "bob") == nil)
    }

    @Test func `a user's files have a bound, said with what is used; another's are not counted`() async throws {
        var retention = Retention()
        retention.blobBytesPerUser = 10
        retention.freeBytes = 0
        let bench = try bench(retention)
        _ = try await bring("12345678", bench.blobs)
        _ = try await bring("1234567890", bench.blobs, by: "bob")
        // The same again costs nothing.
        _ = try await bring("12345678", bench.blobs)
        let writer = try bench.blobs.writer(for: "ana")
        try await writer.write(ByteBuffer(string: "abc"))
        await #expect { try await writer.finish() } throws: {
            guard let failure = $0 as? Failure else { return false }
            return failure.code == .noSpace && failure.sentence.contains("8 bytes of 10 bytes")
        }
        let uploads = try Uploads(store: bench.blobs)
        await #expect { try await uploads.begin(size: 3, list: [], user: "ana") } throws: {
            ($0 as? Failure)?.code == .noSpace
        }
        #expect(try await uploads.begin(size: 2, list: [], user: "ana").isNew)
    }

    @Test func `a log has a bound: the run goes on and ends, with one gap at once and one at its end`() async throws {
        let core = try TestCore(nodes: ["a", "b"], logBytes: 400)
        try await core.running {
            core.arrive("a")
            core.arrive("b")
            let ana = Identity(user: "ana", uid: 1000, session: [UInt8](repeating: 3, count: 16))
            let request = ExecutionRequest(nodes: ["a", "b"], command: .init(line: "yes"))
            let (view, _) = try await core.executions.submit(request, by: ana, idempotencyKey: nil)
            let id = try #require(ExecutionID(view.execution))
            let record = Record.bytes(.stdout, [UInt8](repeating: 65, count: 80), timeNanoseconds: 1)
            for number in 0..<50 { core.slice(id, "a", record, at: UInt64(number * record.count)) }
            core.slice(id, "b", record, at: 0)
            let ends = ["a": UInt64(50 * record.count), "b": UInt64(record.count)]
            for name in ["a", "b"] {
                core.report(id, name, .delivered, sequence: 1)
                core.report(id, name, .exited(code: 3), sequence: 2, final: ends[name] ?? 0)
            }
            try await core.untilComplete(id)
            let reader = try core.logs.reader(for: id)
            #expect(try reader.end() < 400 + 5 * 40 + UInt64(record.count))
            var rest = try reader.read(from: 0, upTo: 1 << 20).bytes
            var entries: [LogEntry] = []
            while let entry = rest.withUnsafeBytes({ LogEntry($0) }) {
                entries.append(entry)
                rest.removeFirst(entry.size)
            }
            let own = entries.filter { $0.run == 0 }
            #expect(own.map(\.kind) == [.slice, .slice, .slice, .gap, .gap] && own.last?.to == ends["a"])
            #expect(entries.filter { $0.run == 1 }.map(\.kind) == [.gap])
            // The worker has its credit to the end, and the user the exit code.
            try await core.bus.wait { items in
                items.contains { if case .copied(id, node("a"), 7, ends["a"]) = $0 { true } else { false } }
            }
            #expect(try await core.executions.show(id, user: "ana").runs?.map(\.code) == [3, 3])
        }
    }

    @Test func `a log without an execution goes once it is old`() async throws {
        let bench = try bench()
        try bench.logs.create(head(id(7), [node("a")]), createdNanoseconds: 1)
        await bench.sweeper.sweep(at: now)
        #expect(bench.logs.all() == [id(7)])
        for _ in 0..<4 { await bench.sweeper.sweep(at: now) }
        await bench.sweeper.sweep(at: now + 2 * 3_600_000)
        #expect(bench.logs.all().isEmpty)
    }

    @Test(arguments: [
        (UInt64(0), "0 bytes"), (1023, "1023 bytes"), (1024, "1 KiB"), (1536, "1.5 KiB"), (10 << 30, "10 GiB"),
    ])
    func `bytes are told in a unit`(bytes: UInt64, text: String) { #expect(Amounts.text(bytes) == text) }

    @Test(arguments: [
        (30 * 86_400, "30 days"), (86_400, "24 hours"), (3600, "1 hour"), (90, "90 seconds"), (60, "1 minute"),
    ])
    func `spans are told in a unit`(seconds: Int, text: String) { #expect(Amounts.text(.seconds(seconds)) == text) }
}

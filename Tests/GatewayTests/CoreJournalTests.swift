import Messages
import NIOCore
import Sodium
import Spool
import Testing

@testable import Gateway

/// What survives the process.
@Suite struct CoreJournalTests {
    private let folder = Folder()
    private let id = ExecutionID(high: 5, low: 6)
    private let nodes = [node("a"), node("b"), node("c")]

    private let asked = ExecutionRequest(
        nodes: ["a,b", "c", "a"], files: [.init(blob: "b", name: "f", mode: 0o755, overwrite: true)],
        command: .init(line: "f 'a b'"), environment: ["A": "1"], timeoutMilliseconds: 5)

    private func open() throws -> Journal { try Journal(path: folder.path("journal.sqlite")) }

    @Test func `revocations stand until their time is over, and their number never goes back`() async throws {
        let journal = try open()
        #expect(try journal.revocations() == Journal.Revocations())
        let one = Journal.Revocation(session: [UInt8](repeating: 1, count: 16), user: "ana", at: 10, until: 20)
        let all = Journal.Revocation(session: nil, user: "bob", at: 11, until: 30)
        try await journal.revoke([one, all], at: 10)
        let both = try journal.revocations()
        #expect(both == Journal.Revocations(standing: [one, all], sequence: 2))
        #expect(Revoker.wire(both).revocations.map(\.untilMilliseconds) == [20])
        try await journal.revoke([], at: 20)
        let later = try journal.revocations()
        #expect(later == Journal.Revocations(standing: [all], sequence: 2))
        try await journal.revoke([], at: 30)
        let none = try journal.revocations()
        #expect(none == Journal.Revocations(standing: [], sequence: 2))
        #expect(try open().revocations() == none)
    }

    private func isNew(_ accepted: Journal.Accepted) -> Bool {
        if case .new = accepted { true } else { false }
    }

    @Test func `what was accepted is there after the process is gone, with states and wishes`() async throws {
        let journal = try open()
        let accepted = try await journal.accept(
            [.init(head: head(id, nodes), order: [1, 2, 3], request: asked)], key: nil)
        #expect(isNew(accepted))
        var run = Run(node: nodes[1], since: 77)
        run.state = .running(pid: 12)
        run.sequence = 3
        run.spool = .max - 1
        try await journal.write([.run(RunKey(execution: id, run: 1), run, copied: 99)])
        run = Run(node: nodes[2], since: 78)
        run.state = .refused(Failure(.exists, "there is one"))
        run.finalLength = 0
        try await journal.write([.run(RunKey(execution: id, run: 2), run, copied: 0)])
        try await journal.wish([(id, [0, 1], StopWish(graceMilliseconds: 250, user: "ana"))])

        let entry = try #require(try open().unfinished().first)
        #expect(entry.execution.head == head(id, nodes))
        #expect(entry.order == [1, 2, 3])
        let runs = entry.execution.runs
        #expect(runs[0].state == .waiting && runs[0].stop == StopWish(graceMilliseconds: 250, user: "ana"))
        #expect(runs[1].state == .running(pid: 12) && runs[1].sequence == 3 && runs[1].spool == .max - 1)
        #expect(runs[1].since == 77 && entry.copied[1] == 99)
        #expect(runs[2].state == .refused(Failure(.exists, "there is one")) && runs[2].stop == nil)
    }

    @Test func `a complete execution is not taken up again, and is still listed and shown`() async throws {
        let journal = try open()
        for number in 0..<5 {
            let id = ExecutionID(high: 1, low: UInt64(number))
            _ = try await journal.accept([.init(head: head(id, nodes), order: [], request: asked)], key: nil)
        }
        let done = ExecutionID(high: 1, low: 3)
        var run = Run(node: nodes[0], since: 1)
        run.state = .exited(code: 4)
        try await journal.write([.run(RunKey(execution: done, run: 0), run, copied: 10), .complete(done)])
        #expect(try journal.unfinished().map(\.execution.head.id.low) == [0, 1, 2, 4])
        #expect(try await journal.entry(done)?.isComplete == true)
        let lines = try await journal.lines(user: "ana", active: false, limit: 3, before: nil)
        #expect(lines.map(\.head.id.low) == [4, 3, 2])
        #expect(
            lines[1].isComplete && lines[1].counts == [WireState.exited.rawValue: 1, WireState.waiting.rawValue: 2])
        #expect(lines.map(\.failed) == [0, 1, 0])
        let next = try await journal.lines(user: "ana", active: true, limit: 10, before: done)
        #expect(next.map(\.head.id.low) == [2, 1, 0])
        #expect(try await journal.lines(user: "bob", active: false, limit: 10, before: nil).isEmpty)
    }

    @Test func `a request is given back as it was asked, its nodes each once`() async throws {
        _ = try await open().accept([.init(head: head(id, nodes), order: [], request: asked)], key: nil)
        var expected = asked
        expected.nodes = ["a", "b", "c"]
        #expect(try await open().request(id) == expected)
        #expect(try await open().request(ExecutionID(high: 0, low: 0)) == nil)
    }

    @Test(arguments: [
        (RunState.exited(code: 0), false), (.exited(code: 1), true), (.signalled(signal: 9), true), (.timedOut, true),
        (.outOfMemory, true), (.stopped, false), (.expired, true), (.refused(Failure(.exists, "")), true),
        (.cancelled, false), (.interrupted(Failure(.internal, "")), true), (.placed(last: true), false),
        (.running(pid: 1), false), (.waiting, false),
    ])
    func `a list counts the runs that failed`(state: RunState, isFailure: Bool) async throws {
        let journal = try open()
        _ = try await journal.accept([.init(head: head(id, nodes), order: [], request: asked)], key: nil)
        var run = Run(node: nodes[0], since: 1)
        run.state = state
        try await journal.write([.run(RunKey(execution: id, run: 0), run, copied: 0)])
        let lines = try await journal.lines(user: "ana", active: false, limit: 1, before: nil)
        #expect(lines.map(\.failed) == [isFailure ? 1 : 0])
    }

    @Test func `a key stands for one request of one user`() async throws {
        let journal = try open()
        let first = try await journal.accept([.init(head: head(id, nodes), order: [], request: asked)], key: ("k", [1]))
        #expect(isNew(first))
        let other = head(ExecutionID(high: 8, low: 8), nodes)
        guard
            case .known([id]) = try await journal.accept(
                [.init(head: other, order: [], request: asked)], key: ("k", [1]))
        else {
            Issue.record("the same request was taken twice")
            return
        }
        guard
            case .conflict = try await journal.accept([.init(head: other, order: [], request: asked)], key: ("k", [2]))
        else {
            Issue.record("another request had the same key")
            return
        }
        let bobs = head(ExecutionID(high: 8, low: 9), nodes, user: "bob")
        #expect(isNew(try await journal.accept([.init(head: bobs, order: [], request: asked)], key: ("k", [2]))))
        #expect(try journal.unfinished().count == 2)
    }
}

/// Uploads: named by content, known to who brought them.
@Suite struct CoreBlobTests {
    private let folder = Folder()

    private func bring(_ bytes: [UInt8], by user: String, to store: BlobStore, pieces: Int) async throws -> BlobID {
        let writer = try store.writer(for: user)
        var rest = bytes[...]
        while !rest.isEmpty {
            try await writer.write(ByteBuffer(bytes: rest.prefix(pieces)))
            rest = rest.dropFirst(pieces)
        }
        let (blob, size) = try await writer.finish()
        #expect(size == UInt64(bytes.count))
        return blob
    }

    @Test(arguments: [0, 1, 1 << 20, (1 << 20) + 1, 3 << 20])
    func `an upload's name follows from its bytes, however they come`(count: Int) async throws {
        let store = try BlobStore(folder: folder.path("blobs"))
        let piece = (0..<4099).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        var bytes: [UInt8] = []
        while bytes.count < count { bytes += piece }
        bytes.removeLast(bytes.count - count)
        let blob = try await bring(bytes, by: "ana", to: store, pieces: 70_001)
        var list: [UInt8] = []
        var chunks: [[UInt8]] = []
        for start in stride(from: 0, to: count, by: 1 << 20) {
            chunks.append(Array(bytes[start..<min(start + 1 << 20, count)]))
            list += Blake2b.hash(chunks[chunks.count - 1])
        }
        var size = ByteWriter()
        size.u64(UInt64(count))
        #expect(blob.bytes == Blake2b.hash(Array("estiba blob v1".utf8) + size.bytes + list))
        #expect(try store.list(of: blob) == list)
        for (index, chunk) in chunks.enumerated() { #expect(try store.chunk(UInt32(index), of: blob) == chunk) }
        #expect(store.size(of: blob, for: "ana") == UInt64(count))
    }

    @Test func `who has not brought a blob does not know it, even when another has`() async throws {
        let store = try BlobStore(folder: folder.path("blobs"))
        let blob = try await bring([1, 2, 3], by: "ana", to: store, pieces: 2)
        #expect(store.size(of: blob, for: "bob") == nil)
        #expect(store.size(of: blob, for: "../by/@ana") == nil)
        let same = try await bring([1, 2, 3], by: "bob", to: store, pieces: 3)
        #expect(same == blob)
        #expect(store.size(of: blob, for: "bob") == 3 && store.size(of: blob, for: "ana") == 3)
    }

    @Test func `an upload that is given up leaves nothing, nor does one that a crash cut off`() async throws {
        let root = folder.path("blobs")
        let store = try BlobStore(folder: root)
        do {
            let writer = try store.writer(for: "ana")
            try await writer.write(ByteBuffer(bytes: [1, 2, 3]))
        }
        #expect(try File.names(in: root + "/incoming").isEmpty)
        let writer = try store.writer(for: "ana")
        try await writer.write(ByteBuffer(bytes: [1]))
        _ = try BlobStore(folder: root)
        #expect(try File.names(in: root + "/incoming").isEmpty)
        #expect(try File.names(in: root) == ["incoming"])
    }
}

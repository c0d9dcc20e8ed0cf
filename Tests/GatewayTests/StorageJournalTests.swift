import Foundation
import GRDB
import Messages
import Spool
import Testing

@testable import Gateway

/// The journal's file, cut and with flipped bits: nothing of it is ever obeyed that was not written.
@Suite struct StorageJournalTests {
    private let folder = Folder()
    private var path: String { folder.path("journal.sqlite") }
    private let nodes = [node("a"), node("b")]

    /// Executions 0..<count, each with an order that names it; `journal.sqlite` alone holds them, or the write-ahead log as well.
    private func make(_ count: Int, merges: Bool) async throws {
        let journal = try Journal(path: path)
        // What the log holds stays in it until it is asked for.
        try await journal.pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_autocheckpoint = 0") }
        try await journal.pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        for number in 0..<count { try await accept(number, journal) }
        if merges { try await journal.pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) } }
        // A copy is what a crash leaves: closing would merge.
        for ending in ["", "-wal"] {
            try? FileManager.default.copyItem(atPath: path + ending, toPath: folder.path("kept" + ending))
        }
        try journal.pool.close()
    }

    private func accept(_ number: Int, _ journal: Journal) async throws {
        let request = ExecutionRequest(nodes: ["a", "b"], command: .init(line: "true \(number)"))
        _ = try await journal.accept(
            [.init(head: head(id(number), nodes), order: order(number), request: request)], key: ("key \(number)", [1]))
        var run = Run(node: nodes[0], since: 1)
        run.state = .exited(code: Int32(number))
        run.sequence = 3
        try await journal.write([.run(RunKey(execution: id(number), run: 0), run, copied: 9)])
    }

    private func id(_ number: Int) -> ExecutionID { ExecutionID(high: 9, low: UInt64(number)) }
    private func order(_ number: Int) -> [UInt8] {
        Array("order \(number) ".utf8) + [UInt8](repeating: UInt8(number), count: 200)
    }

    /// Puts the copy in place, changed; nil leaves a file out.
    private func place(_ changed: (String) throws -> Data?) throws {
        for ending in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + ending) }
        for ending in ["", "-wal"] {
            guard let data = try changed(ending) else { continue }
            try data.write(to: URL(fileURLWithPath: path + ending))
        }
    }

    private func kept(_ ending: String) -> Data? {
        try? Data(contentsOf: URL(fileURLWithPath: folder.path("kept" + ending)))
    }

    /// What of the executions is taken up again; each must be as it was written.
    private func takenUp(_ sourceLocation: SourceLocation = #_sourceLocation) throws -> [Int] {
        let journal = try Journal(path: path)
        defer { try? journal.pool.close() }
        return try journal.unfinished().map { entry in
            let number = Int(entry.execution.head.id.low)
            #expect(entry.execution.head == head(id(number), nodes), sourceLocation: sourceLocation)
            #expect(entry.order == order(number), sourceLocation: sourceLocation)
            let run = entry.execution.runs[0]
            #expect(run.state == .waiting || run.state == .exited(code: Int32(number)), sourceLocation: sourceLocation)
            return number
        }
    }

    @Test func `one bit of 1,000 in the journal is another: it is refused by name, or what is obeyed was written`()
        async throws
    {
        try await make(40, merges: true)
        let whole = try #require(kept(""))
        try place { $0 == "" ? whole : nil }
        #expect(try takenUp() == Array(0..<40))
        var refused = 0
        for _ in 0..<1000 {
            let byte = Int.random(in: 0..<whole.count)
            try place {
                guard $0 == "" else { return nil }
                var data = whole
                data[byte] ^= 1 << UInt8.random(in: 0..<8)
                return data
            }
            do {
                #expect(try takenUp() == Array(0..<40), "byte \(byte)")
            } catch let error as Journal.Damaged {
                refused += 1
                #expect(error.path == path && error.description.contains("docs/operations.md"))
            } catch let error as Journal.UnknownFormat {
                Issue.record("byte \(byte): \(error)")
            }
        }
        // The rest are pages that a start does not read.
        #expect(refused > 300)
    }

    @Test func `a page that is damaged is met when it is read, and said to be`() async throws {
        try await make(40, merges: true)
        let whole = try #require(kept(""))
        let text = try #require(whole.range(of: Data("key 17".utf8)))
        try place {
            guard $0 == "" else { return nil }
            var data = whole
            data[text.lowerBound + 5] ^= 1
            return data
        }
        do {
            let journal = try Journal(path: path)
            let again = head(id(99), nodes)
            let request = ExecutionRequest(nodes: ["a", "b"])
            _ = try await journal.accept([.init(head: again, order: [], request: request)], key: ("key 17", [1]))
            Issue.record("a key that was used before was taken as a new one")
        } catch let error as DatabaseError {
            #expect(Journal.isDamage(error) && Journal.failure(error).code == .internal)
        } catch let error as Journal.Damaged {
            #expect(error.path == path)
        }
    }

    /// Around the beginning and the header's end of each frame (sqlite.org/fileformat2.html, section 4.1), and anywhere.
    private func cuts(of log: Data) -> [Int] {
        var cuts = Set((0...33).map { $0 } + (0..<200).map { _ in Int.random(in: 0...log.count) })
        for frame in stride(from: 32, through: log.count, by: 24 + 4096) {
            for near in [-8, -1, 0, 1, 8, 16, 23, 24, 25] { cuts.insert(min(max(0, frame + near), log.count)) }
        }
        return cuts.sorted()
    }

    @Test func `a write-ahead log cut at any byte is a prefix of what was accepted`() async throws {
        try await make(4, merges: false)
        let (base, log) = (try #require(kept("")), try #require(kept("-wal")))
        var counts: [Int] = []
        for cut in cuts(of: log) {
            try place { $0 == "" ? base : log.prefix(cut) }
            let found = try takenUp()
            #expect(found == Array(0..<found.count), "cut at \(cut)")
            counts.append(found.count)
        }
        #expect((log.count - 32).isMultiple(of: 24 + 4096))
        #expect(counts == counts.sorted() && counts.first == 0 && counts.last == 4)
    }

    @Test func `a flipped bit in the write-ahead log is refused by name where accepted work would be lost`()
        async throws
    {
        try await make(4, merges: false)
        let (base, log) = (try #require(kept("")), try #require(kept("-wal")))
        var refused = 0
        for _ in 0..<300 {
            let byte = Int.random(in: 0..<log.count)
            try place {
                guard $0 != "" else { return base }
                var data = log
                data[byte] ^= 1 << UInt8.random(in: 0..<8)
                return data
            }
            do {
                let found = try takenUp()
                // Of the last commit nobody can tell whether it was ever whole.
                #expect(found == Array(0..<found.count) && found.count >= 3, "byte \(byte)")
            } catch let error as Journal.Damaged {
                refused += 1
                #expect(error.path == path + "-wal")
                let journal = try Journal(path: path, acceptsDamage: true)
                let left = try journal.unfinished().map { Int($0.execution.head.id.low) }
                #expect(left == Array(0..<left.count), "byte \(byte)")
                try journal.pool.close()
            }
        }
        #expect(refused > 150)
    }

    @Test func `a journal without checksums gets them, and all that is in it`() async throws {
        try await make(3, merges: true)
        try place { $0 == "" ? kept("") : nil }
        // As another program writes it: without the marks, and without room for checksums.
        let old = folder.path("old.sqlite")
        let plain = try DatabaseQueue(path: path)
        try await plain.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA application_id = 0")
            try database.execute(sql: "VACUUM INTO ?", arguments: [old])
        }
        try plain.close()
        var header = try Data(contentsOf: URL(fileURLWithPath: old))
        #expect(header[20] == 8)
        header[20] = 8
        try place { $0 == "" ? header : nil }
        #expect(try takenUp() == [0, 1, 2])
        #expect(try Data(contentsOf: URL(fileURLWithPath: path))[20] == 8)
    }

    @Test func `a journal that another version wrote is known by its format`() throws {
        let journal = try Journal(path: path)
        try journal.pool.write { try $0.execute(sql: "UPDATE meta SET value = 9 WHERE name = 'format'") }
        try journal.pool.close()
        #expect(throws: Journal.UnknownFormat(path: path, found: 9)) { try Journal(path: path) }
    }
}

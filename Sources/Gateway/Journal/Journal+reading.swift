import Foundation
import GRDB
import Messages
import SwiftProtobuf

extension Journal {
    /// An execution as the journal has it.
    struct Entry: Sendable {
        var execution: Execution
        var order: [UInt8]
        var isComplete: Bool
        /// Of each run, where it is known.
        var copied: [Int: UInt64]
        /// Where it was taken over from another gateway.
        var term: UInt64?
    }

    /// An execution for a list: its states counted, by the numbers of the wire.
    struct Line: Sendable {
        var head: ExecutionHead
        /// Nil: this gateway.
        var owner: Principal?
        var isComplete: Bool
        var counts: [Int: Int]
        var failed: Int
    }

    /// All executions that are not complete, to be taken up again after a start.
    func unfinished() throws -> [Entry] {
        try Self.naming(pool.path) {
            try pool.read { database in
                try Row.fetchAll(database, sql: "SELECT * FROM executions WHERE complete = 0 ORDER BY number")
                    .compactMap { try Self.entry($0, database) }
            }
        }
    }

    func entry(_ id: ExecutionID) async throws -> Entry? {
        try await pool.read { database in
            try Row.fetchOne(database, sql: "SELECT * FROM executions WHERE id = ?", arguments: [Data(id.bytes)])
                .flatMap { try Self.entry($0, database) }
        }
    }

    /// What `accept` would answer to this key, without storing anything; nil where it is new.
    func known(_ key: (text: String, hash: [UInt8]), of user: String) async throws -> Accepted? {
        try await pool.read { try Self.known(key, of: user, $0) }
    }

    static func known(_ key: (text: String, hash: [UInt8]), of user: String, _ database: Database) throws -> Accepted? {
        let row = try Row.fetchOne(
            database, sql: "SELECT hash, execution FROM keys WHERE user = ? AND key = ?", arguments: [user, key.text])
        guard let row else { return nil }
        guard row["hash"] as Data == Data(key.hash) else { return .conflict }
        let ids = try Data.fetchAll(
            database,
            sql: """
                SELECT id FROM executions WHERE submission = (SELECT submission FROM executions WHERE id = ?)
                    ORDER BY number
                """,
            arguments: [row["execution"] as Data])
        return .known(ids.compactMap { ExecutionID(bytes: $0) })
    }

    /// A user's executions, of this gateway and of others, newest first.
    func lines(user: String, active: Bool, limit: Int, before: ExecutionID?) async throws -> [Line] {
        try await pool.read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM allExecutions WHERE user = ? \(active ? "AND complete = 0" : "")
                    \(before == nil ? "" : Self.isBefore) \(Self.newestFirst) LIMIT ?
                    """,
                arguments: [user] + (before.map { [Data($0.bytes)] } ?? []) + [limit])
            return try rows.compactMap { row in
                guard let head = try Self.head(row) else { return nil }
                let states = try Row.fetchAll(
                    database,
                    sql: """
                        SELECT state, count(*) AS runs, sum(failed) AS failed FROM allRuns WHERE execution = ? GROUP BY state
                        """,
                    arguments: [Data(head.id.bytes)])
                let failed = states.reduce(0) { $0 + ($1["failed"] as Int) }
                var counts = Dictionary(uniqueKeysWithValues: states.map { ($0["state"] as Int, $0["runs"] as Int) })
                let waiting = head.nodes.count - counts.values.reduce(0, +)
                if waiting > 0 { counts[WireState.waiting.rawValue, default: 0] += waiting }
                return Line(
                    head: head, owner: Self.owner(row), isComplete: row["complete"], counts: counts, failed: failed)
            }
        }
    }

    /// What was asked for; nil for an execution that is not here.
    func request(_ id: ExecutionID) async throws -> ExecutionRequest? {
        try await pool.read { database in
            let row = try Row.fetchOne(
                database, sql: "SELECT nodes, request FROM allExecutions WHERE id = ?", arguments: [Data(id.bytes)])
            guard let row else { return nil }
            var request = try JSONDecoder().decode(ExecutionRequest.self, from: Data((row["request"] as String).utf8))
            request.nodes = (row["nodes"] as String).split(separator: " ").map(String.init)
            return request
        }
    }

    /// A request as it is stored: without its nodes, which have a column of their own.
    static func text(_ request: ExecutionRequest) throws -> String {
        var request = request
        request.nodes = []
        return try String(decoding: JSONEncoder().encode(request), as: UTF8.self)
    }

    private static func entry(_ row: Row, _ database: Database) throws -> Entry? {
        guard let head = try head(row) else { return nil }
        var execution = Execution(head)
        let isComplete: Bool = row["complete"]
        var copied: [Int: UInt64] = [:]
        let id = Data(head.id.bytes)
        for row in try Row.fetchAll(database, sql: "SELECT * FROM runs WHERE execution = ?", arguments: [id]) {
            let number: Int = row["run"]
            guard head.nodes.indices.contains(number) else { continue }
            let report = try WireReport(serializedBytes: row["report"] as Data)
            execution.runs[number].apply(report, since: row["since"])
            copied[number] = UInt64(clamping: row["copied"] as Int64)
        }
        for row in try Row.fetchAll(database, sql: "SELECT * FROM stops WHERE execution = ?", arguments: [id]) {
            let number: Int = row["run"]
            guard head.nodes.indices.contains(number) else { continue }
            execution.runs[number].stop = StopWish(
                graceMilliseconds: UInt64(clamping: row["grace"] as Int64), user: row["user"])
        }
        // Whether an order was sent before a restart is not written down: it may have been.
        for number in execution.runs.indices where !isComplete { execution.runs[number].wasSent = true }
        return Entry(
            execution: execution, order: [UInt8](row["orderBytes"] as Data), isComplete: isComplete, copied: copied,
            term: try term(of: id, database))
    }

    static func head(_ row: Row) throws -> ExecutionHead? {
        guard let id = ExecutionID(bytes: row["id"] as Data),
            let submission = ExecutionID(bytes: row["submission"] as Data)
        else { return nil }
        let nodes = (row["nodes"] as String).split(separator: " ").compactMap { NodeName(String($0)) }
        return ExecutionHead(
            id: id, submission: submission, user: row["user"], uid: UInt32(clamping: row["uid"] as Int64),
            session: [UInt8](row["session"] as Data), kind: row["kind"], command: row["command"],
            createdMilliseconds: row["created"], deadlineMilliseconds: row["deadline"], nodes: nodes,
            files: try JSONDecoder().decode([ExecutionHead.File].self, from: Data((row["files"] as String).utf8)),
            graceMilliseconds: UInt64(clamping: row["grace"] as Int64), log: UInt64(bitPattern: row["log"] as Int64))
    }
}

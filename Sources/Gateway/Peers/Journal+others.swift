import Foundation
import GRDB
import Messages
import SwiftProtobuf

/// What the journal keeps of other gateways' executions: copies of what their owners told, never the only ones.
extension Journal {
    static let othersSchema = """
        CREATE INDEX IF NOT EXISTS executionsByTime ON executions (user, created, number, id);
        CREATE TABLE IF NOT EXISTS othersExecutions (
            id BLOB NOT NULL PRIMARY KEY, owner TEXT NOT NULL, number INTEGER NOT NULL, submission BLOB NOT NULL,
            user TEXT NOT NULL, uid INTEGER NOT NULL, session BLOB NOT NULL, kind TEXT NOT NULL, command TEXT,
            created INTEGER NOT NULL, deadline INTEGER NOT NULL, nodes TEXT NOT NULL, files TEXT NOT NULL,
            grace INTEGER NOT NULL, log INTEGER NOT NULL, request TEXT NOT NULL, complete INTEGER NOT NULL DEFAULT 0,
            logEnd INTEGER NOT NULL DEFAULT 0);
        CREATE INDEX IF NOT EXISTS othersByTime ON othersExecutions (user, created, number, id);
        CREATE INDEX IF NOT EXISTS othersByOwner ON othersExecutions (owner, number);
        CREATE INDEX IF NOT EXISTS othersUnfinished ON othersExecutions (number) WHERE complete = 0;
        CREATE TABLE IF NOT EXISTS othersRuns (
            execution BLOB NOT NULL, run INTEGER NOT NULL, state INTEGER NOT NULL, report BLOB NOT NULL,
            since INTEGER NOT NULL, copied INTEGER NOT NULL, failed INTEGER NOT NULL, PRIMARY KEY (execution, run)) WITHOUT ROWID;
        DROP VIEW IF EXISTS allExecutions;
        CREATE VIEW allExecutions AS
            SELECT number, id, submission, user, uid, session, kind, command, created, deadline, nodes, files, grace, log,
                request, complete, NULL AS owner FROM executions
            UNION ALL SELECT number, id, submission, user, uid, session, kind, command, created, deadline, nodes, files,
                grace, log, request, complete, owner FROM othersExecutions;
        DROP VIEW IF EXISTS allRuns;
        CREATE VIEW allRuns AS SELECT execution, run, state, report, since, copied, failed FROM runs
            UNION ALL SELECT execution, run, state, report, since, copied, failed FROM othersRuns;
        """

    /// One order for the executions of all gateways: by time, and where that is the same by their owner's numbers.
    static let newestFirst = "ORDER BY created DESC, number DESC, id DESC"
    static let isBefore = "AND (created, number, id) < (SELECT created, number, id FROM allExecutions WHERE id = ?)"

    static func owner(_ row: Row) -> Principal? { (row["owner"] as String?).flatMap { Principal($0) } }

    /// Something that became of another gateway's execution.
    enum OtherChange: Sendable {
        /// It is there, or belongs to another gateway than before. Left out where it is this gateway's own.
        case told(ExecutionID, owner: Principal, WireExecutionHead)
        case run(RunKey, Run, copied: UInt64)
        case complete(ExecutionID, logEnd: UInt64)
        /// Its owner keeps it no longer.
        case gone(ExecutionID)
    }

    /// Stores what others told, in one transaction.
    func write(others changes: [OtherChange]) async throws {
        guard !changes.isEmpty else { return }
        try await pool.write { database in
            for change in changes { try Self.write(change, database) }
        }
    }

    private static func write(_ change: OtherChange, _ database: Database) throws {
        switch change {
        case .told(let id, let owner, let head): try insert(head, id, owner, database)
        case .run(let key, let run, let copied):
            let report = run.report
            try database.cachedStatement(sql: "INSERT OR REPLACE INTO othersRuns VALUES (?, ?, ?, ?, ?, ?, ?)").execute(
                arguments: [
                    Data(key.execution.bytes), key.run, report.state.rawValue, try report.serializedData(), run.since,
                    Int64(clamping: copied), run.state.isFailure,
                ])
        case .complete(let id, let logEnd):
            try database.execute(
                sql: "UPDATE othersExecutions SET complete = 1, logEnd = ? WHERE id = ?",
                arguments: [Int64(clamping: logEnd), Data(id.bytes)])
        case .gone(let id): try forgetOther(id, database)
        }
    }

    /// What was complete and is older goes: its owner lets it go by its own rule.
    func forgetOthers(before milliseconds: Int64) async throws {
        try await pool.write { database in
            try database.execute(
                sql: "DELETE FROM othersExecutions WHERE complete = 1 AND created < ?", arguments: [milliseconds])
            guard database.changesCount > 0 else { return }
            try database.execute(
                sql: "DELETE FROM othersRuns WHERE execution NOT IN (SELECT id FROM othersExecutions)")
        }
    }

    static func forgetOther(_ id: ExecutionID, _ database: Database) throws {
        try database.execute(sql: "DELETE FROM othersExecutions WHERE id = ?", arguments: [Data(id.bytes)])
        try database.execute(sql: "DELETE FROM othersRuns WHERE execution = ?", arguments: [Data(id.bytes)])
    }

    private static func insert(
        _ head: WireExecutionHead, _ id: ExecutionID, _ owner: Principal, _ database: Database
    ) throws {
        let command: String? = head.hasCommand ? head.command : nil
        try database.execute(
            sql: """
                INSERT INTO othersExecutions (id, owner, number, submission, user, uid, session, kind, command, created,
                    deadline, nodes, files, grace, log, request)
                SELECT ?, ?, ?, ?, ?, ?, zeroblob(16), ?, ?, ?, ?, ?, ?, ?, ?, ?
                    WHERE NOT EXISTS (SELECT 1 FROM executions WHERE id = ?)
                ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, number = excluded.number
                """,
            arguments: [
                Data(id.bytes), owner.description, Int64(clamping: head.number), head.submission, head.user,
                Int64(head.uid), head.kind, command, head.createdMilliseconds, head.deadlineMilliseconds,
                head.nodes.joined(separator: " "), head.files, Int64(clamping: head.graceMilliseconds),
                Int64(bitPattern: head.log), head.request, Data(id.bytes),
            ])
    }

    // MARK: Reading

    func other(_ id: ExecutionID) async throws -> Other? {
        try await pool.read { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM othersExecutions WHERE id = ?", arguments: [Data(id.bytes)]
            ).flatMap { try Self.other($0, database) }
        }
    }

    /// All that were not complete when they were last told of.
    func unfinishedOthers() throws -> [Other] {
        try pool.read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM othersExecutions WHERE complete = 0")
                .compactMap { try Self.other($0, database) }
        }
    }

    /// The greatest number that each owner has told.
    func numbersOfOthers() throws -> [Principal: UInt64] {
        try pool.read { database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT owner, max(number) AS number FROM othersExecutions GROUP BY owner")
            return rows.reduce(into: [:]) { numbers, row in
                if let owner = Self.owner(row) { numbers[owner] = UInt64(clamping: row["number"] as Int64) }
            }
        }
    }

    private static func other(_ row: Row, _ database: Database) throws -> Other? {
        guard let head = try head(row), let owner = owner(row) else { return nil }
        var other = Other(owner: owner, number: UInt64(clamping: row["number"] as Int64), head: head)
        other.isComplete = row["complete"]
        other.logEnd = UInt64(clamping: row["logEnd"] as Int64)
        let rows = try Row.fetchAll(
            database, sql: "SELECT * FROM othersRuns WHERE execution = ?", arguments: [Data(head.id.bytes)])
        for row in rows {
            let number: Int = row["run"]
            guard other.execution.runs.indices.contains(number) else { continue }
            other.execution.runs[number].apply(
                try WireReport(serializedBytes: row["report"] as Data), since: row["since"])
            other.copied[number] = UInt64(clamping: row["copied"] as Int64)
        }
        return other
    }
}

// MARK: What is told to others

extension Journal {
    /// Own executions numbered beyond one, in their order.
    func numbered(after number: UInt64, limit: Int) async throws -> [ExecutionID] {
        try await pool.read { database in
            try Data.fetchAll(
                database, sql: "SELECT id FROM executions WHERE number > ? ORDER BY number LIMIT ?",
                arguments: [Int64(clamping: number), limit]
            ).compactMap { ExecutionID(bytes: $0) }
        }
    }

    /// What another gateway is told of an own execution once; nil for one that is not here.
    func wireHead(_ id: ExecutionID) async throws -> WireExecutionHead? {
        try await pool.read { database in
            let row = try Row.fetchOne(
                database, sql: "SELECT * FROM executions WHERE id = ?", arguments: [Data(id.bytes)])
            guard let row else { return nil }
            return .with {
                $0.number = UInt64(clamping: row["number"] as Int64)
                $0.submission = row["submission"]
                $0.user = row["user"]
                $0.uid = UInt32(clamping: row["uid"] as Int64)
                $0.kind = row["kind"]
                if let command = row["command"] as String? { $0.command = command }
                $0.createdMilliseconds = row["created"]
                $0.deadlineMilliseconds = row["deadline"]
                $0.nodes = (row["nodes"] as String).split(separator: " ").map(String.init)
                $0.files = row["files"]
                $0.graceMilliseconds = UInt64(clamping: row["grace"] as Int64)
                $0.log = UInt64(bitPattern: row["log"] as Int64)
                $0.request = row["request"]
            }
        }
    }
}

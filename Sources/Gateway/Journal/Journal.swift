import Foundation
import GRDB
import Messages
import SwiftProtobuf

/// What the gateway must not forget: submissions, states, wishes. SQLite with a write-ahead log, each commit on the disk
/// (`synchronous=FULL`) before the call returns.
///
/// A run without a row is waiting and was never given its order, as far as the journal knows.
final class Journal: Sendable {
    static let format = 1

    /// A request to be stored, with what makes it the same when it comes again.
    struct Submission: Sendable {
        var head: ExecutionHead
        var order: [UInt8]
        /// As it was asked, to be shown again.
        var request: ExecutionRequest
    }

    /// Something that became of an execution.
    enum Change: Sendable {
        case run(RunKey, Run, copied: UInt64)
        case complete(ExecutionID)
    }

    enum Accepted: Sendable {
        case new
        /// The key was used before, for these executions and the same request.
        case known([ExecutionID])
        /// The key was used before for another request.
        case conflict
    }

    /// The file is another version's.
    struct UnknownFormat: Error, Equatable, CustomStringConvertible {
        let path: String
        let found: Int

        var description: String {
            "\(path) is a journal of format \(found); this gateway knows format \(Journal.format)"
        }
    }

    let pool: DatabasePool

    /// Opens or makes the journal; throws `UnknownFormat` for one of another version and `Damaged` for one that is not what
    /// was written. With `acceptsDamage` what a damaged write-ahead log has lost is let go of.
    init(path: String, acceptsDamage: Bool = false) throws {
        pool = try Self.naming(path) {
            let pool = try Self.open(path, acceptsDamage: acceptsDamage)
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            try pool.write { database in
                try Self.mark(database)
                try database.execute(sql: Self.schema)
                try database.execute(sql: Self.othersSchema + Self.othersStopsSchema + Self.adoptionSchema)
                let found = try Int.fetchOne(database, sql: "SELECT value FROM meta WHERE name = 'format'")
                guard found == Self.format else { throw UnknownFormat(path: path, found: found ?? 0) }
                try Self.prepareRetention(database)
                try Self.prepareRevocations(database)
            }
            return pool
        }
    }

    private static let schema = """
        CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        INSERT OR IGNORE INTO meta VALUES ('format', \(format));
        CREATE TABLE IF NOT EXISTS executions (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, submission BLOB NOT NULL,
            user TEXT NOT NULL, uid INTEGER NOT NULL, session BLOB NOT NULL, kind TEXT NOT NULL, command TEXT,
            created INTEGER NOT NULL, deadline INTEGER NOT NULL, nodes TEXT NOT NULL, nodeCount INTEGER NOT NULL,
            files TEXT NOT NULL, grace INTEGER NOT NULL, log INTEGER NOT NULL, orderBytes BLOB NOT NULL,
            request TEXT NOT NULL, complete INTEGER NOT NULL DEFAULT 0);
        CREATE INDEX IF NOT EXISTS executionsOfUser ON executions (user, number);
        CREATE INDEX IF NOT EXISTS executionsOfSubmission ON executions (submission);
        CREATE INDEX IF NOT EXISTS unfinished ON executions (number) WHERE complete = 0;
        CREATE TABLE IF NOT EXISTS runs (
            execution BLOB NOT NULL, run INTEGER NOT NULL, state INTEGER NOT NULL, report BLOB NOT NULL,
            since INTEGER NOT NULL, copied INTEGER NOT NULL, failed INTEGER NOT NULL, PRIMARY KEY (execution, run)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS stops (
            execution BLOB NOT NULL, run INTEGER NOT NULL, grace INTEGER NOT NULL, user TEXT NOT NULL,
            PRIMARY KEY (execution, run)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS keys (
            user TEXT NOT NULL, key TEXT NOT NULL, hash BLOB NOT NULL, execution BLOB NOT NULL, created INTEGER NOT NULL,
            PRIMARY KEY (user, key)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS subscribeKeys (
            user TEXT NOT NULL, name TEXT NOT NULL, key BLOB NOT NULL UNIQUE, created INTEGER NOT NULL,
            expires INTEGER NOT NULL, PRIMARY KEY (user, name)) WITHOUT ROWID;
        """
}

// MARK: Writing

extension Journal {
    /// Stores executions that were asked for together, all or none; when it returns `new`, the request is accepted.
    ///
    /// `key` is the user's and the hash of the request.
    func accept(
        _ submissions: [Submission], key: (text: String, hash: [UInt8])? = nil
    ) async throws -> Accepted {
        guard let first = submissions.first?.head else { return .known([]) }
        return try await pool.write { database in
            if let key {
                if let known = try Self.known(key, of: first.user, database) { return known }
                try database.execute(
                    sql: "INSERT INTO keys VALUES (?, ?, ?, ?, ?)",
                    arguments: [
                        first.user, key.text, Data(key.hash), Data(first.id.bytes), first.createdMilliseconds,
                    ])
            }
            for submission in submissions {
                try Self.insert(submission, database)
                try Self.insertUses(of: submission.head, database)
            }
            return .new
        }
    }

    private static func insert(_ submission: Submission, _ database: Database) throws {
        let head = submission.head
        let files = try String(decoding: JSONEncoder().encode(head.files), as: UTF8.self)
        let nodes = head.nodes.map(\.description).joined(separator: " ")
        try database.execute(
            sql: """
                INSERT INTO executions (id, submission, user, uid, session, kind, command, created, deadline, nodes,
                    nodeCount, files, grace, log, orderBytes, request)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                Data(head.id.bytes), Data(head.submission.bytes), head.user, Int64(head.uid), Data(head.session),
                head.kind, head.command, head.createdMilliseconds, head.deadlineMilliseconds, nodes,
                head.nodes.count, files, Int64(clamping: head.graceMilliseconds), Int64(bitPattern: head.log),
                Data(submission.order), try text(submission.request),
            ])
    }

    /// Stores changes in one transaction; `now`, in Unix milliseconds, is when what is complete has ended.
    func write(_ changes: [Change], at now: Int64 = Moment.now().unixMilliseconds) async throws {
        guard !changes.isEmpty else { return }
        try await pool.write { database in
            let run = try database.cachedStatement(sql: "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)")
            for change in changes {
                switch change {
                case .run(let key, let value, let copied):
                    let report = value.report
                    try run.execute(arguments: [
                        Data(key.execution.bytes), key.run, report.state.rawValue, try report.serializedData(),
                        value.since, Int64(clamping: copied), value.state.isFailure,
                    ])
                case .complete(let id):
                    try database.execute(
                        sql: "UPDATE executions SET complete = 1, ended = ? WHERE id = ?",
                        arguments: [now, Data(id.bytes)])
                    try database.execute(sql: "DELETE FROM stops WHERE execution = ?", arguments: [Data(id.bytes)])
                }
            }
        }
    }

    /// Stores that runs are to be stopped, in one transaction.
    func wish(_ wishes: [(id: ExecutionID, runs: [Int], wish: StopWish)]) async throws {
        try await pool.write { database in
            let insert = try database.cachedStatement(sql: "INSERT OR REPLACE INTO stops VALUES (?, ?, ?, ?)")
            for (id, runs, wish) in wishes {
                for run in runs {
                    try insert.execute(arguments: [
                        Data(id.bytes), run, Int64(clamping: wish.graceMilliseconds), wish.user,
                    ])
                }
            }
        }
    }
}

import Foundation
import GRDB
import Messages
import SwiftProtobuf

/// What the sweep asks of the journal. Every call is small, so that none holds up a submission.
///
/// The file never shrinks: what is freed is used again, so it stays as large as it ever had to be. Giving the pages back would
/// cost every commit a map of pages, and the next day's work would take them anew.
extension Journal {
    /// Where an execution that is not here any more has been.
    struct Tomb: Sendable, Equatable {
        var user: String
        /// When it was let go of, Unix milliseconds.
        var at: Int64
    }

    /// Adds what came to the format since it was first written, with what older rows have to say for it.
    static func prepareRetention(_ database: Database) throws {
        let columns = try database.columns(in: "executions").map(\.name)
        if !columns.contains("ended") {
            try database.execute(sql: "ALTER TABLE executions ADD COLUMN ended INTEGER")
            try database.execute(sql: "UPDATE executions SET ended = created WHERE complete = 1")
        }
        try database.execute(
            sql: """
                CREATE INDEX IF NOT EXISTS executionsByEnd ON executions (ended) WHERE complete = 1;
                CREATE INDEX IF NOT EXISTS keysByAge ON keys (created);
                CREATE TABLE IF NOT EXISTS tombs (
                    id BLOB PRIMARY KEY, user TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
                CREATE INDEX IF NOT EXISTS tombsByAge ON tombs (at);
                """)
        guard try !database.tableExists("blobUses") else { return }
        try database.execute(
            sql: """
                CREATE TABLE blobUses (blob BLOB NOT NULL, execution BLOB NOT NULL, PRIMARY KEY (blob, execution))
                    WITHOUT ROWID;
                CREATE INDEX blobUsesOfExecution ON blobUses (execution);
                """)
        for row in try Row.fetchAll(database, sql: "SELECT * FROM executions WHERE files != '[]'") {
            if let head = try head(row) { try insertUses(of: head, database) }
        }
    }

    /// Notes which files an execution names, so that they stay as long as it does.
    static func insertUses(of head: ExecutionHead, _ database: Database) throws {
        let blobs = Set(head.files.compactMap { BlobID($0.blob) })
        guard !blobs.isEmpty else { return }
        let insert = try database.cachedStatement(sql: "INSERT OR IGNORE INTO blobUses VALUES (?, ?)")
        for blob in blobs { try insert.execute(arguments: [Data(blob.bytes), Data(head.id.bytes)]) }
    }

    /// Executions that are complete since before a moment, at most `limit`, the earliest first.
    func executions(endedBefore milliseconds: Int64, limit: Int) async throws -> [ExecutionID] {
        try await pool.read { database in
            try Data.fetchAll(
                database,
                sql: "SELECT id FROM executions WHERE complete = 1 AND ended < ? ORDER BY ended LIMIT ?",
                arguments: [milliseconds, limit]
            ).compactMap { ExecutionID(bytes: $0) }
        }
    }

    /// Lets go of executions in one transaction; that they were here stays known.
    func forget(_ ids: [ExecutionID], at now: Int64) async throws {
        guard !ids.isEmpty else { return }
        try await pool.write { database in
            for id in ids.map({ Data($0.bytes) }) {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO tombs SELECT id, user, ? FROM executions WHERE id = ?",
                    arguments: [now, id])
                for table in ["runs", "stops", "blobUses"] {
                    try database.execute(sql: "DELETE FROM \(table) WHERE execution = ?", arguments: [id])
                }
                try database.execute(sql: "DELETE FROM executions WHERE id = ?", arguments: [id])
            }
        }
    }

    /// Keys older than this are used anew. Forgets at most `limit` and says how many it were.
    func forgetKeys(before milliseconds: Int64, limit: Int = 1000) async throws -> Int {
        try await pool.write {
            try $0.execute(
                sql: """
                    DELETE FROM keys WHERE (user, key) IN (SELECT user, key FROM keys WHERE created < ? LIMIT ?)
                    """, arguments: [milliseconds, limit])
            return $0.changesCount
        }
    }

    /// Forgets at most `limit` tombs older than this and says how many it were.
    func forgetTombs(before milliseconds: Int64, limit: Int = 1000) async throws -> Int {
        try await pool.write {
            try $0.execute(
                sql: "DELETE FROM tombs WHERE id IN (SELECT id FROM tombs WHERE at < ? LIMIT ?)",
                arguments: [milliseconds, limit])
            return $0.changesCount
        }
    }

    /// What is known of an execution that was let go of; nil where nothing is.
    func tomb(_ id: ExecutionID) async throws -> Tomb? {
        try await pool.read {
            try Row.fetchOne($0, sql: "SELECT user, at FROM tombs WHERE id = ?", arguments: [Data(id.bytes)])
                .map { Tomb(user: $0["user"], at: $0["at"]) }
        }
    }

    /// Those of the blobs that a kept execution names.
    func referenced(among blobs: [BlobID]) async throws -> Set<BlobID> {
        try await pool.read { database in
            let look = try database.cachedStatement(sql: "SELECT 1 FROM blobUses WHERE blob = ? LIMIT 1")
            return try Set(blobs.filter { try Int.fetchOne(look, arguments: [Data($0.bytes)]) != nil })
        }
    }

    /// Those of the executions that are here.
    func known(among ids: [ExecutionID]) async throws -> Set<ExecutionID> {
        try await pool.read { database in
            let look = try database.cachedStatement(sql: "SELECT 1 FROM executions WHERE id = ?")
            return try Set(ids.filter { try Int.fetchOne(look, arguments: [Data($0.bytes)]) != nil })
        }
    }

    /// How many executions of a user are here, and which are the newest.
    func storage(of user: String, newest: Int) async throws -> (count: Int, newest: [ExecutionID]) {
        try await pool.read { database in
            let count = try Int.fetchOne(
                database, sql: "SELECT count(*) FROM executions WHERE user = ?", arguments: [user])
            let ids = try Data.fetchAll(
                database, sql: "SELECT id FROM executions WHERE user = ? ORDER BY number DESC LIMIT ?",
                arguments: [user, newest])
            return (count ?? 0, ids.compactMap { ExecutionID(bytes: $0) })
        }
    }
}

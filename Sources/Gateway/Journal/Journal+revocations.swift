import Foundation
import GRDB

extension Journal {
    /// A login session that was revoked, or, without one, all of a user's that began before.
    struct Revocation: Sendable, Equatable {
        /// 16 bytes.
        var session: [UInt8]?
        var user: String
        /// Unix milliseconds.
        var at: Int64
        /// No order of it can come any more.
        var until: Int64
        /// Revoked by an operator: told to the nodes before what users have revoked.
        var isOperators = false
    }

    /// What stands, the oldest first, or what is told of it; and how many there have ever been, which numbers what is told.
    struct Revocations: Sendable, Equatable {
        var standing: [Revocation] = []
        var sequence: UInt64 = 0
    }

    static func prepareRevocations(_ database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE IF NOT EXISTS revocations (
                    number INTEGER PRIMARY KEY AUTOINCREMENT, session BLOB, user TEXT NOT NULL, at INTEGER NOT NULL,
                    until INTEGER NOT NULL);
                """)
        if try !database.columns(in: "revocations").map(\.name).contains("operators") {
            try database.execute(sql: "ALTER TABLE revocations ADD COLUMN operators BOOLEAN NOT NULL DEFAULT 0")
        }
    }

    /// Stores revocations in one transaction and forgets those whose time is over.
    func revoke(_ revocations: [Revocation], at now: Int64) async throws {
        try await pool.write { database in
            for one in revocations {
                try database.execute(
                    sql: "INSERT INTO revocations (session, user, at, until, operators) VALUES (?, ?, ?, ?, ?)",
                    arguments: [one.session.map { Data($0) }, one.user, one.at, one.until, one.isOperators])
            }
            try database.execute(sql: "DELETE FROM revocations WHERE until <= ?", arguments: [now])
        }
    }

    /// All that stands.
    func revocations() throws -> Revocations {
        try pool.read { try Self.revocations($0, sql: "SELECT * FROM revocations ORDER BY number") }
    }

    /// The newest sessions that stand: at most so many, of which so many of each user that no operator has revoked. Those
    /// of operators come before them.
    func newestRevocations(_ most: Int, ofUser: Int) async throws -> Revocations {
        try await pool.read { database in
            try Self.revocations(
                database,
                sql: """
                    SELECT * FROM (
                        SELECT *, row_number() OVER (PARTITION BY operators, user ORDER BY number DESC) AS place
                            FROM revocations WHERE session IS NOT NULL)
                        WHERE operators OR place <= ? ORDER BY operators DESC, number DESC LIMIT ?
                    """, [ofUser, most])
        }
    }

    private static func revocations(
        _ database: Database, sql: String, _ arguments: StatementArguments = []
    ) throws -> Revocations {
        var rows = try Row.fetchAll(database, sql: sql, arguments: arguments)
        rows.sort { ($0["number"] as Int64) < ($1["number"] as Int64) }
        let sequence = try Int64.fetchOne(
            database, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'revocations'")
        return Revocations(
            standing: rows.map {
                Revocation(
                    session: ($0["session"] as Data?).map { [UInt8]($0) }, user: $0["user"], at: $0["at"],
                    until: $0["until"], isOperators: $0["operators"])
            }, sequence: UInt64(clamping: sequence ?? 0))
    }
}

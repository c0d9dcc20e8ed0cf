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
    }

    /// What stands, the oldest first, and how many there have ever been, which numbers what is told.
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
    }

    /// Stores revocations in one transaction and forgets those whose time is over; what stands then.
    func revoke(_ revocations: [Revocation], at now: Int64) async throws -> Revocations {
        try await pool.write { database in
            for one in revocations {
                try database.execute(
                    sql: "INSERT INTO revocations (session, user, at, until) VALUES (?, ?, ?, ?)",
                    arguments: [one.session.map { Data($0) }, one.user, one.at, one.until])
            }
            try database.execute(sql: "DELETE FROM revocations WHERE until <= ?", arguments: [now])
            return try Self.revocations(database)
        }
    }

    /// What stands.
    func revocations() throws -> Revocations { try pool.read { try Self.revocations($0) } }

    private static func revocations(_ database: Database) throws -> Revocations {
        let rows = try Row.fetchAll(database, sql: "SELECT * FROM revocations ORDER BY number")
        let sequence = try Int64.fetchOne(
            database, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'revocations'")
        return Revocations(
            standing: rows.map {
                Revocation(
                    session: ($0["session"] as Data?).map { [UInt8]($0) }, user: $0["user"], at: $0["at"],
                    until: $0["until"])
            }, sequence: UInt64(clamping: sequence ?? 0))
    }
}

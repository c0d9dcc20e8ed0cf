import Foundation
import GRDB
import Messages
import SwiftProtobuf

/// Executions that come from the journal of a gateway that is gone.
extension Journal {
    static let adoptionSchema = """
        CREATE TABLE IF NOT EXISTS gateway (name TEXT NOT NULL, authority TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS adopted (execution BLOB NOT NULL PRIMARY KEY, term INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS untold (
            execution BLOB NOT NULL, node TEXT NOT NULL, PRIMARY KEY (execution, node)) WITHOUT ROWID;
        """

    /// Whose journal this is.
    struct Name: Equatable, Sendable {
        var gateway: String
        /// Public key of the authority.
        var authority: String
    }

    /// Executions looked at in one step of a taking over.
    static let adoptedAtOnce = 100
    /// Of those that are complete the newest ones' nodes are told too: they may not have heard that all is copied.
    private static let newestTold = 1000

    /// Writes down whose it is.
    func claim(_ name: Name) throws {
        try pool.write { database in
            try database.execute(sql: "DELETE FROM gateway")
            try database.execute(sql: "INSERT INTO gateway VALUES (?, ?)", arguments: [name.gateway, name.authority])
        }
    }

    static func term(of id: Data, _ database: Database) throws -> UInt64? {
        try Int64.fetchOne(database, sql: "SELECT term FROM adopted WHERE execution = ?", arguments: [id])
            .map { UInt64(clamping: $0) }
    }

    func untold() throws -> [(ExecutionID, NodeName, term: UInt64)] {
        try pool.read { database in
            try Row.fetchAll(
                database, sql: "SELECT execution, node, term FROM untold JOIN adopted USING (execution)"
            ).compactMap { row in
                guard let id = ExecutionID(bytes: row["execution"] as Data), let node = NodeName(row["node"]) else {
                    return nil
                }
                return (id, node, UInt64(clamping: row["term"] as Int64))
            }
        }
    }

    func forgetUntold(_ told: [(ExecutionID, NodeName)]) async throws {
        try await pool.write { database in
            for (id, node) in told {
                try database.execute(
                    sql: "DELETE FROM untold WHERE execution = ? AND node = ?",
                    arguments: [Data(id.bytes), node.description])
            }
        }
    }

    // MARK: The other journal

    /// An execution of another journal, with the blobs its order names.
    struct Adoptable: Sendable {
        var number: Int64
        var id: ExecutionID
        var files: [ExecutionHead.File]
        var isComplete: Bool
    }

    /// Whose it was; of a journal that does not say, who owns the newest of its orders.
    func name() async throws -> Name? {
        try await pool.read { database in
            if let row = try Row.fetchOne(database, sql: "SELECT * FROM gateway") {
                return Name(gateway: row["name"], authority: row["authority"])
            }
            let order = try Data.fetchOne(
                database, sql: "SELECT orderBytes FROM executions ORDER BY number DESC LIMIT 1")
            guard let order, let wire = try? WireOrder(serializedBytes: order), let owner = Principal(wire.owner) else {
                return nil
            }
            return Name(gateway: owner.name, authority: "")
        }
    }

    func adoptable(after number: Int64) async throws -> [Adoptable] {
        try await pool.read { database in
            let rows = try Row.fetchAll(
                database,
                sql: "SELECT number, id, files, complete FROM executions WHERE number > ? ORDER BY number LIMIT ?",
                arguments: [number, Self.adoptedAtOnce])
            return try rows.compactMap { row in
                guard let id = ExecutionID(bytes: row["id"] as Data) else { return nil }
                let files = try JSONDecoder().decode(
                    [ExecutionHead.File].self, from: Data((row["files"] as String).utf8))
                return Adoptable(number: row["number"], id: id, files: files, isComplete: row["complete"])
            }
        }
    }

    /// How many executions there are, and the greatest number.
    func extent() async throws -> (count: Int, last: Int64) {
        try await pool.read { database in
            let row = try Row.fetchOne(
                database, sql: "SELECT count(*) AS count, coalesce(max(number), 0) AS last FROM executions")
            return (row?["count"] ?? 0, row?["last"] ?? 0)
        }
    }

    /// Brings a page of another journal into this one, in one transaction, and returns those that were not here yet.
    ///
    /// Their logs and files are in place by now. What is here already is left as it is, so that it may be done again.
    func adopt(
        _ page: [Adoptable], from path: String, term: UInt64, last: Int64
    ) async throws -> [ExecutionID] {
        guard let first = page.first?.number, let end = page.last?.number else { return [] }
        return try await pool.writeWithoutTransaction { database in
            try database.execute(sql: "ATTACH DATABASE ? AS former", arguments: [path])
            defer { try? database.execute(sql: "DETACH DATABASE former") }
            var fresh: [ExecutionID] = []
            try database.inTransaction {
                fresh = try Self.adopt(first...end, term, last, database)
                return .commit
            }
            return fresh
        }
    }

    private static func adopt(
        _ range: ClosedRange<Int64>, _ term: UInt64, _ last: Int64, _ database: Database
    ) throws -> [ExecutionID] {
        let numbers: StatementArguments = [range.lowerBound, range.upperBound]
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT number, id, nodes, complete FROM former.executions WHERE number BETWEEN ? AND ?
                    AND id NOT IN (SELECT id FROM main.executions) ORDER BY number
                """, arguments: numbers)
        let ids = rows.map { $0["id"] as Data }
        try copy("executions", without: ["number"], where: "id = ?", ids, database)
        for table in ["runs", "stops"] { try copy(table, where: "execution = ?", ids, database) }
        try copy("keys", where: "execution = ?", ids, database)
        for row in rows {
            let id = row["id"] as Data
            let own = try Row.fetchOne(database, sql: "SELECT * FROM main.executions WHERE id = ?", arguments: [id])
            if let head = try own.flatMap(Self.head) { try insertUses(of: head, database) }
            try database.execute(
                sql: "INSERT OR REPLACE INTO main.adopted VALUES (?, ?)", arguments: [id, Int64(clamping: term)])
            try database.execute(sql: "DELETE FROM main.othersExecutions WHERE id = ?", arguments: [id])
            try database.execute(sql: "DELETE FROM main.othersRuns WHERE execution = ?", arguments: [id])
            guard !(row["complete"] as Bool) || (row["number"] as Int64) > last - Int64(newestTold) else { continue }
            for node in (row["nodes"] as String).split(separator: " ") {
                try database.execute(
                    sql: "INSERT OR IGNORE INTO main.untold VALUES (?, ?)", arguments: [id, String(node)])
            }
        }
        return ids.compactMap { ExecutionID(bytes: $0) }
    }

    /// Copies rows by the columns that both journals have.
    private static func copy(
        _ table: String, without left: Set<String> = [], where condition: String, _ ids: [Data], _ database: Database
    ) throws {
        let former = try names(of: table, in: "former", database)
        let columns = try names(of: table, in: "main", database).filter { former.contains($0) && !left.contains($0) }
        let list = columns.map { "\"\($0)\"" }.joined(separator: ", ")
        let statement = try database.makeStatement(
            sql: "INSERT OR IGNORE INTO main.\(table) (\(list)) SELECT \(list) FROM former.\(table) WHERE \(condition)")
        for id in ids { try statement.execute(arguments: [id]) }
    }

    private static func names(of table: String, in schema: String, _ database: Database) throws -> [String] {
        try String.fetchAll(
            database, sql: "SELECT name FROM pragma_table_info(?, ?)", arguments: [table, schema])
    }

    /// The login sessions that are revoked there, where they are not here.
    func adoptRevocations(from path: String) async throws {
        try await pool.writeWithoutTransaction { database in
            try database.execute(sql: "ATTACH DATABASE ? AS former", arguments: [path])
            defer { try? database.execute(sql: "DETACH DATABASE former") }
            try database.execute(
                sql: """
                    INSERT INTO main.revocations (session, user, at, until, operators)
                        SELECT session, user, at, until, operators FROM former.revocations AS theirs
                        WHERE NOT EXISTS (SELECT 1 FROM main.revocations AS own
                            WHERE own.session IS theirs.session AND own.user = theirs.user AND own.at = theirs.at)
                        ORDER BY number
                    """)
        }
    }

    /// Users' own keys for reading the bus, where neither key nor name is here.
    func adoptKeys(from path: String) async throws {
        try await pool.writeWithoutTransaction { database in
            try database.execute(sql: "ATTACH DATABASE ? AS former", arguments: [path])
            defer { try? database.execute(sql: "DETACH DATABASE former") }
            try database.execute(
                sql: "INSERT OR IGNORE INTO main.subscribeKeys SELECT * FROM former.subscribeKeys")
        }
    }
}

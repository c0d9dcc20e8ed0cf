import Foundation
import GRDB
import Messages

/// Stops of other gateways' executions that their owners have not taken yet.
extension Journal {
    static let othersStopsSchema = """
        CREATE TABLE IF NOT EXISTS othersStops (
            execution BLOB NOT NULL, run INTEGER NOT NULL, node TEXT NOT NULL, grace INTEGER NOT NULL, user TEXT NOT NULL,
            uid INTEGER NOT NULL, session BLOB NOT NULL, PRIMARY KEY (execution, run)) WITHOUT ROWID;
        """

    func keep(_ wish: OwedStops.Wish) async throws {
        try await pool.write { database in
            for (run, node) in wish.nodes {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO othersStops VALUES (?, ?, ?, ?, ?, ?, ?)",
                    arguments: [
                        Data(wish.execution.bytes), run, node.description, Int64(clamping: wish.graceMilliseconds),
                        wish.identity.user, Int64(wish.identity.uid), Data(wish.identity.session),
                    ])
            }
        }
    }

    func forgetStop(of id: ExecutionID) async throws {
        try await pool.write {
            try $0.execute(sql: "DELETE FROM othersStops WHERE execution = ?", arguments: [Data(id.bytes)])
        }
    }

    func stopsOfOthers() throws -> [OwedStops.Wish] {
        try pool.read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM othersStops").compactMap { row in
                guard let id = ExecutionID(bytes: row["execution"] as Data), let node = NodeName(row["node"]) else {
                    return nil
                }
                let identity = Identity(
                    user: row["user"], uid: UInt32(clamping: row["uid"] as Int64),
                    session: [UInt8](row["session"] as Data))
                return OwedStops.Wish(
                    execution: id, identity: identity, nodes: [row["run"]: node],
                    graceMilliseconds: UInt64(clamping: row["grace"] as Int64))
            }
        }
    }
}

import Foundation
import GRDB
import Messages
import SwiftProtobuf

extension Journal {
    /// A run with the execution it is of.
    struct RunLine: Sendable {
        var head: ExecutionHead
        /// Nil: this gateway.
        var owner: Principal?
        var isComplete: Bool
        var number: Int
        var run: Run
        var copied: UInt64
    }

    /// Executions looked through in one call.
    static let lookedThrough = 2000

    /// A user's runs on a node, newest first, among the user's last executions before one.
    func runs(on node: NodeName, user: String, limit: Int, before: ExecutionID?) async throws -> [RunLine] {
        try await pool.read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM (
                        SELECT * FROM allExecutions WHERE user = ? \(before == nil ? "" : Self.isBefore)
                        \(Self.newestFirst) LIMIT ?)
                    WHERE instr(' ' || nodes || ' ', ?) > 0 \(Self.newestFirst) LIMIT ?
                    """,
                arguments: [user] + (before.map { [Data($0.bytes)] } ?? []) + [Self.lookedThrough, " \(node) ", limit])
            return try rows.compactMap { row -> RunLine? in
                guard let head = try Self.head(row), let number = head.nodes.firstIndex(of: node) else { return nil }
                var line = RunLine(
                    head: head, owner: Self.owner(row), isComplete: row["complete"], number: number,
                    run: Run(node: node, since: head.createdMilliseconds), copied: 0)
                let run = try Row.fetchOne(
                    database, sql: "SELECT * FROM allRuns WHERE execution = ? AND run = ?",
                    arguments: [Data(head.id.bytes), number])
                if let run {
                    line.run.apply(try WireReport(serializedBytes: run["report"] as Data), since: run["since"])
                    line.copied = UInt64(clamping: run["copied"] as Int64)
                }
                return line
            }
        }
    }
}

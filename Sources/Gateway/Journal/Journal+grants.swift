import Foundation
import GRDB

extension Journal {
    /// A user's own key for reading the bus.
    struct SubscribeKey: Sendable, Equatable {
        var user: String
        var name: String
        /// 32 bytes.
        var key: [UInt8]
        /// Unix milliseconds.
        var created: Int64
        var expires: Int64
    }

    enum Granted: Sendable, Equatable {
        case new
        /// The same name and key were there: only the expiry is another.
        case renewed
        /// The name stands for another key of this user.
        case nameTaken
        /// The key is there under another name or for somebody else.
        case keyTaken
        case tooMany
    }

    /// Stores a key; one that expired before `created` counts no more and is forgotten.
    static func grant(_ wish: SubscribeKey, most: Int, in database: Database) throws -> Granted {
        try database.execute(sql: "DELETE FROM subscribeKeys WHERE expires <= ?", arguments: [wish.created])
        let holder = try Row.fetchOne(
            database, sql: "SELECT user, name FROM subscribeKeys WHERE key = ?", arguments: [Data(wish.key)])
        if let holder {
            guard holder["user"] == wish.user, holder["name"] == wish.name else { return .keyTaken }
            try database.execute(
                sql: "UPDATE subscribeKeys SET expires = ? WHERE key = ?", arguments: [wish.expires, Data(wish.key)])
            return .renewed
        }
        let names = try String.fetchAll(
            database, sql: "SELECT name FROM subscribeKeys WHERE user = ?", arguments: [wish.user])
        guard !names.contains(wish.name) else { return .nameTaken }
        guard names.count < most else { return .tooMany }
        try database.execute(
            sql: "INSERT INTO subscribeKeys VALUES (?, ?, ?, ?, ?)",
            arguments: [wish.user, wish.name, Data(wish.key), wish.created, wish.expires])
        return .new
    }

    /// False where there is no such key of this user.
    static func removeKey(_ name: String, of user: String, in database: Database) throws -> Bool {
        try database.execute(sql: "DELETE FROM subscribeKeys WHERE user = ? AND name = ?", arguments: [user, name])
        return database.changesCount > 0
    }

    /// The keys that stand, of all users or of one, the oldest first.
    static func keys(of user: String? = nil, at milliseconds: Int64, in database: Database) throws -> [SubscribeKey] {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT * FROM subscribeKeys WHERE expires > ? \(user == nil ? "" : "AND user = ?")
                ORDER BY created, user, name
                """,
            arguments: [milliseconds] + (user.map { [$0] } ?? []))
        return rows.map {
            SubscribeKey(
                user: $0["user"], name: $0["name"], key: [UInt8]($0["key"] as Data), created: $0["created"],
                expires: $0["expires"])
        }
    }
}

import CPages
import Foundation
import GRDB
import Spool

/// Opening the file, and what is looked at before anything in it is believed.
extension Journal {
    /// The journal is not what was written; nothing of it is obeyed.
    struct Damaged: Error, Equatable, CustomStringConvertible {
        let path: String
        let why: String

        var description: String {
            "\(path) is damaged: \(why). Nothing of it was obeyed. docs/operations.md, “A damaged journal”, says how to go on."
        }
    }

    /// Opens the file, every page of which is looked at when it is read.
    static func open(_ path: String, acceptsDamage: Bool) throws -> DatabasePool {
        guard estiba_pages_register() == 0 else { throw SystemError("sqlite", path, errno: 0) }
        try adopt(path)
        if !acceptsDamage, case .damaged(let offset) = try WriteAheadLog.judge(path + "-wal") {
            throw Damaged(path: path + "-wal", why: "what was written from byte \(offset) on would be lost")
        }
        return try DatabasePool(path: path, configuration: configuration)
    }

    /// A damaged file in its own words, whatever call met it.
    static func naming<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch  where isDamage(error) {
            throw Damaged(path: path, why: "\(error)")
        }
    }

    /// Connections that read, and what each of them and the one that writes keeps of the file.
    private static let readers = 4
    private static let cacheKibibytes = 512

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.maximumReaderCount = readers
        configuration.prepareDatabase { database in
            guard let connection = database.sqliteConnection,
                estiba_pages_reserve(UnsafeMutableRawPointer(connection)) == 0
            else { throw DatabaseError(resultCode: .SQLITE_ERROR, message: "pages cannot have checksums") }
            // SQLite's own measure, 2 MB each, fills up over hours of work; what it holds, the system's cache has too.
            try database.execute(sql: "PRAGMA cache_size = -\(cacheKibibytes)")
        }
        return configuration
    }

    /// Marks a file as one whose pages have checksums, so that no damage of its header can say otherwise.
    static func mark(_ database: Database) throws {
        guard try Int.fetchOne(database, sql: "PRAGMA application_id") != Int(ESTIBA_PAGES_ID) else { return }
        try database.execute(sql: "PRAGMA application_id = \(ESTIBA_PAGES_ID)")
    }

    /// A journal from before its pages had checksums, or one that was put together by hand, is written anew with them.
    private static func adopt(_ path: String) throws {
        guard let header = try? File.contents(path, limit: 100), header.count == 100,
            estiba_pages_reserved(header) != 8, estiba_pages_is_marked(header) == 0
        else { return }
        let new = path + ".new"
        unlink(new)
        try naming(path) {
            let old = try DatabaseQueue(path: path, configuration: configuration)
            try old.writeWithoutTransaction { try $0.execute(sql: "VACUUM INTO ?", arguments: [new]) }
            try old.close()
        }
        try File(new, O_RDONLY).synchronise()
        try File.check("rename", path) { rename(new, path) }
        for ending in ["-wal", "-shm"] { unlink(path + ending) }
    }
}

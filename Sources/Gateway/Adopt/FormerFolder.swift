import Foundation
import Glibc
import Messages
import Spool

/// The data folder of a gateway that is gone, from which logs and files are brought over. Blocks; not for the threads of tasks.
struct FormerFolder: Sendable {
    let path: String

    var journal: String { path + "/journal.sqlite" }

    /// Throws for what is no gateway's folder, and for one that others could have had a hand in.
    func check() throws(Failure) {
        var facts = stat()
        guard path.hasPrefix("/"), stat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else {
            throw Failure(.noSuchFolder, "There is no folder \(path) at the gateway.")
        }
        guard facts.st_uid == geteuid() || facts.st_uid == 0, facts.st_mode & 0o022 == 0 else {
            throw Failure(.permission, "\(path) is another account's, or others may write to it.")
        }
        guard access(journal, R_OK | W_OK) == 0 else {
            throw Failure(
                .noSuchFolder, "\(path) is no data folder of a gateway, or this one may not use it: no journal.sqlite.")
        }
    }

    /// Brings the log of an execution over; one that is not there any more is left out. Returns its bytes.
    func bringLog(of id: ExecutionID, to logs: String) throws -> UInt64 {
        let name = "\(id).log"
        guard access("\(path)/logs/\(name)", F_OK) == 0 else { return 0 }
        // The index first: a log without one is counted anew, an index without a log is nothing.
        try Self.bring("\(path)/logs/\(id).index", to: "\(logs)/\(id).index", isNeeded: false)
        try Self.bring("\(path)/logs/\(name)", to: "\(logs)/\(name)")
        var facts = stat()
        return stat("\(logs)/\(name)", &facts) == 0 ? UInt64(facts.st_size) : 0
    }

    /// Brings a blob over with the marks of those who brought it; false where it is not there.
    func bring(_ blob: BlobID, to store: BlobStore) throws -> Bool {
        let from = "\(path)/blobs/\(blob)"
        guard access(from + "/data", F_OK) == 0 else { return false }
        let to = store.path(blob)
        if access(to + "/data", F_OK) != 0 {
            // Whole under another name first, then in place by one rename.
            let beside = "\(store.folder)/incoming/adopted-\(blob)"
            try? FileManager.default.removeItem(atPath: beside)
            try BlobStore.makeFolder(beside + "/by")
            try Self.bring(from + "/data", to: beside + "/data")
            try Self.bring(from + "/list", to: beside + "/list")
            if rename(beside, to) != 0, errno != EEXIST, errno != ENOTEMPTY { throw SystemError.last("rename", to) }
        }
        for mark in (try? File.names(in: from + "/by")) ?? [] { _ = try File("\(to)/by/\(mark)", O_WRONLY | O_CREAT) }
        return true
    }

    /// The same file under another name where both are on one disk, else a copy that comes into place whole.
    private static func bring(_ from: String, to: String, isNeeded: Bool = true) throws {
        if link(from, to) == 0 || errno == EEXIST { return }
        guard errno == EXDEV || errno == EPERM || errno == EMLINK else {
            if errno == ENOENT, !isNeeded { return }
            throw SystemError.last("link", to)
        }
        let beside = to + ".new"
        unlink(beside)
        try FileManager.default.copyItem(atPath: from, toPath: beside)
        try File(beside, O_WRONLY).synchronise()
        try File.check("rename", to) { rename(beside, to) }
    }
}

import Foundation
import Glibc
import Messages
import Sodium
import Spool
import Synchronization

/// The files that users brought, addressed by content.
///
/// `<folder>/<id>/data`, the hashes of its chunks in `list`, and under `by` an empty file for each user who brought it:
/// who has not, cannot name it. What is on its way in lies under `incoming`, or `uploads` where it may be gone on with, and comes into place by one
/// rename.
final class BlobStore: Sendable {
    let folder: String
    let retention: Retention
    /// Bytes of each user's blobs, by the names of their marks; held while a blob is claimed or taken away.
    let held = Mutex<[String: UInt64]>([:])

    /// Makes the folder and clears what writers left that were killed.
    init(folder: String, retention: Retention = Retention()) throws(Failure) {
        (self.folder, self.retention) = (folder, retention)
        try? FileManager.default.removeItem(atPath: folder + "/incoming")
        try Self.makeFolder(folder + "/incoming")
    }

    /// Begins a blob for a user; the user may name it in a request once `finish` has returned.
    func writer(for user: String) throws(Failure) -> BlobWriter { try BlobWriter(store: self, user: user) }

    /// How long a user's blob is; nil where this user has brought no such blob.
    func size(of blob: BlobID, for user: String) -> UInt64? {
        guard access(mark(blob, user), F_OK) == 0, let file = try? File(path(blob) + "/data") else { return nil }
        return (try? file.size()).map(UInt64.init)
    }

    /// The hashes of a blob's chunks, one after another.
    func list(of blob: BlobID) throws(Failure) -> [UInt8] {
        try Self.read(path(blob) + "/list") { file throws(SystemError) in
            try file.bytes(at: 0, count: try file.size())
        }
    }

    /// One chunk; throws `unknown_blob` for one that is not there.
    func chunk(_ index: UInt32, of blob: BlobID) throws(Failure) -> [UInt8] {
        try Self.read(path(blob) + "/data") { file throws(SystemError) in
            try file.bytes(at: Int(index) * BlobID.chunkSize, count: BlobID.chunkSize)
        }
    }

    /// Puts a finished folder of `data`, `list` and `by` in place; where the same content is there already, only the user's
    /// mark is added, and the folder stays where it is.
    func settle(_ finished: String, as blob: BlobID, for user: String) throws(SystemError) {
        _ = try File(finished + "/by/@\(Topic.encode(user))", O_WRONLY | O_CREAT)
        let wasHere = access(mark(blob, user), F_OK) == 0
        if rename(finished, path(blob)) != 0 {
            guard errno == EEXIST || errno == ENOTEMPTY else { throw SystemError.last("rename", path(blob)) }
            _ = try File(mark(blob, user), O_WRONLY | O_CREAT)
            utimensat(AT_FDCWD, mark(blob, user), nil, 0)
        }
        if !wasHere { noteBrought(size(of: blob, for: user) ?? 0, by: user) }
        try File(folder, O_RDONLY | O_DIRECTORY).synchronise()
    }

    static func failure(_ error: SystemError) -> Failure {
        error.isNoSpace
            ? Failure(.noSpace, "The gateway's disk is full.") : Failure(.internal, "The upload cannot be stored.")
    }

    func path(_ blob: BlobID) -> String { "\(folder)/\(blob)" }

    func mark(_ blob: BlobID, _ user: String) -> String { "\(path(blob))/by/@\(Topic.encode(user))" }

    static func makeFolder(_ path: String) throws(Failure) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw Failure(.internal, "The folder \(path) cannot be made.")
        }
    }

    private static func read(
        _ path: String, _ body: (borrowing File) throws(SystemError) -> [UInt8]
    ) throws(Failure) -> [UInt8] {
        do throws(SystemError) {
            return try body(try File(path))
        } catch {
            throw error.errno == ENOENT
                ? Failure(.unknownBlob, "There is no such upload.") : Failure(.internal, "An upload cannot be read.")
        }
    }
}

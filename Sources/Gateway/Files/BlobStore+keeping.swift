import Glibc
import Messages
import Sodium
import Spool
import Synchronization

/// How long blobs stay, and how much each user's hold.
extension BlobStore {
    /// How long a user's blob is, for an execution that is about to name it: from now on it is as young as one just brought.
    func claim(_ blob: BlobID, for user: String) -> UInt64? {
        held.withLock { _ in
            guard let size = size(of: blob, for: user) else { return nil }
            utimensat(AT_FDCWD, mark(blob, user), nil, 0)
            return size
        }
    }

    /// Bytes of a user's blobs.
    func heldBytes(of user: String) -> UInt64 { held.withLock { $0[Topic.encode(user)] ?? 0 } }

    /// Throws `no_space` where a blob would make the user's hold more than they may, or what of it is not written yet would
    /// fill the disk.
    func checkRoom(for size: UInt64, of user: String, unwritten: UInt64) throws(Failure) {
        if let refusal = retention.refusal(size: size, held: heldBytes(of: user)) { throw refusal }
        guard let free = File.freeBytes(at: folder) else { return }
        if let refusal = retention.refusal(freeBytes: free - min(free, unwritten)) { throw refusal }
    }

    func noteBrought(_ size: UInt64, by user: String) {
        held.withLock { $0[Topic.encode(user), default: 0] += size }
    }

    /// Counts anew what everybody's blobs hold.
    func survey() {
        var found: [String: UInt64] = [:]
        for blob in blobs() {
            guard let size = size(of: blob) else { continue }
            for mark in marks(of: blob) { found[mark, default: 0] += size }
        }
        held.withLock { $0 = found }
    }

    /// All that are here, in no order.
    func blobs() -> [BlobID] { ((try? File.names(in: folder)) ?? []).compactMap { BlobID($0) } }

    /// When somebody last brought or named it.
    func touched(_ blob: BlobID) -> Int64 {
        marks(of: blob).compactMap { File.modified("\(path(blob))/by/@\($0)") }.max()
            ?? File.modified(path(blob)) ?? .max
    }

    /// Takes a blob away that no execution names, unless it was touched meanwhile; false where it stays.
    func remove(_ blob: BlobID, at now: Int64) -> Bool {
        let aside = "\(folder)/incoming/\(Hex.encode(Random.bytes(16)))"
        let isGone = held.withLock { held in
            guard retention.isOver(.init(touched: touched(blob), isReferenced: false), at: now) else { return false }
            let (size, marks) = (size(of: blob) ?? 0, marks(of: blob))
            guard rename(path(blob), aside) == 0 else { return false }
            for mark in marks { held[mark] = (held[mark] ?? 0) - min(held[mark] ?? 0, size) }
            return true
        }
        if isGone { File.removeFolder(aside) }
        return isGone
    }

    private func size(of blob: BlobID) -> UInt64? {
        var facts = stat()
        return stat(path(blob) + "/data", &facts) == 0 ? UInt64(facts.st_size) : nil
    }

    /// Who brought it, as marks are named.
    private func marks(of blob: BlobID) -> [String] {
        ((try? File.names(in: path(blob) + "/by")) ?? []).filter { $0.hasPrefix("@") }.map { String($0.dropFirst()) }
    }
}

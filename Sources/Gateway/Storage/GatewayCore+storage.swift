import Glibc
import Messages
import Spool

extension GatewayCore {
    /// What this user has here, and what bounds it.
    func storage(of user: String) async throws(Failure) -> StorageView {
        let (count, logBytes) = try await executions.storage(of: user)
        let copies = await mirrors.held
        let uploading = await uploads.held(of: user)
        let free = File.freeBytes(at: logs.folder) ?? 0
        var journal = stat()
        let isThere = stat(dataFolder + "/journal.sqlite", &journal) == 0
        return StorageView(
            user: user,
            files: .init(
                bytes: blobs.heldBytes(of: user), limit: retention.blobBytesPerUser,
                kept: retention.blobs.components.seconds),
            uploads: .init(
                count: uploading.count, bytes: uploading.bytes, limit: uploads.limits.bytesPerUser,
                kept: uploads.limits.keep.components.seconds),
            executions: .init(count: count, kept: retention.executions.components.seconds),
            logs: .init(bytes: logBytes, limit: retention.logBytes),
            idempotencyKeys: .init(kept: retention.keysKept.components.seconds),
            mirrors: .init(
                count: copies.count, bytes: copies.bytes, limit: mirrors.bounds.bytes,
                kept: mirrors.bounds.kept.components.seconds),
            gateway: .init(
                free: free, needed: retention.freeBytes, full: free < retention.freeBytes,
                journal: isThere ? UInt64(journal.st_size) : 0))
    }
}

extension Executions {
    /// How many executions of a user are here, and how much the logs of the newest ten thousand hold.
    func storage(of user: String) async throws(Failure) -> (count: Int, logBytes: UInt64) {
        let (count, newest) = try await journal { try await $0.storage(of: user, newest: 10_000) }
        let logs = surroundings.logs
        let bytes = await DiskWork.run(for: user) {
            newest.reduce(UInt64(0)) { sum, id in
                var facts = stat()
                return stat(logs.path(of: id), &facts) == 0 ? sum + UInt64(facts.st_size) : sum
            }
        }
        return (count, bytes)
    }
}

import Foundation
import Glibc
import Messages
import NIOCore
import Sodium
import Spool

/// Streams one upload to the disk, hashing as it goes. One that is let go without `finish` leaves nothing.
actor BlobWriter {
    private let store: BlobStore
    private let user: String
    private let folder: String
    private let data: File
    private var chunk = Blake2b.Hasher()
    private var chunkBytes = 0
    private var list: [UInt8] = []
    private var size: UInt64 = 0
    /// Up to where it was asked whether there is room.
    private var checked: UInt64 = 0
    private static let checkEvery: UInt64 = 16 << 20

    init(store: BlobStore, user: String) throws(Failure) {
        self.store = store
        self.user = user
        folder = "\(store.folder)/incoming/\(Hex.encode(Random.bytes(16)))"
        try BlobStore.makeFolder(folder + "/by")
        do throws(SystemError) {
            data = try File(folder + "/data", O_WRONLY | O_CREAT | O_EXCL)
        } catch {
            throw BlobStore.failure(error)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Appends a piece of any size; throws `no_space` where the disk is full.
    func write(_ piece: ByteBuffer) throws(Failure) {
        var problem: SystemError?
        piece.withUnsafeReadableBytes { bytes in
            do throws(SystemError) { try data.write(bytes) } catch { problem = error }
            hash(bytes)
        }
        if let problem { throw BlobStore.failure(problem) }
        size += UInt64(piece.readableBytes)
        if size - checked >= Self.checkEvery {
            checked = size
            try store.checkRoom(for: size, of: user, unwritten: 0)
        }
    }

    /// Makes the blob durable and known to the user. Called once.
    func finish() async throws(Failure) -> (blob: BlobID, size: UInt64) {
        if chunkBytes > 0 { endChunk() }
        let blob = BlobID(size: size, list: list)
        if store.size(of: blob, for: user) == nil { try store.checkRoom(for: size, of: user, unwritten: 0) }
        do throws(SystemError) {
            try File(folder + "/list", O_WRONLY | O_CREAT | O_EXCL).write(list)
            try await synchronise()
            try store.settle(folder, as: blob, for: user)
        } catch {
            throw BlobStore.failure(error)
        }
        return (blob, size)
    }

    private func hash(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(BlobID.chunkSize - chunkBytes))
            chunk.update(part)
            chunkBytes += part.count
            if chunkBytes == BlobID.chunkSize { endChunk() }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(part.count))
        }
    }

    private func endChunk() {
        list += chunk.finish()
        chunk = Blake2b.Hasher()
        chunkBytes = 0
    }

    private func synchronise() async throws(SystemError) {
        let descriptor = data.descriptor
        let result = await DiskWork.run(for: user) { fsync(descriptor) == 0 ? 0 : errno }
        if result != 0 { throw SystemError("fsync", folder, errno: result) }
    }
}

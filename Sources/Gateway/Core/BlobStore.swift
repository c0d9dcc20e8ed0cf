import Messages
import NIOCore

/// The files that users brought, addressed by content: `<data>/blobs/<id>` and its list of hashes beside it.
final class BlobStore: Sendable {
    let folder: String

    /// Makes the folder and clears what writers left that were killed.
    init(folder: String) throws(Failure) {
        self.folder = folder
    }

    /// Begins a blob for a user; the user may name it in a request once `finish` has returned.
    func writer(for user: String) throws(Failure) -> BlobWriter {
        throw Failure(.internal, "")
    }
}

/// Streams one upload to the disk, hashing as it goes. One that is let go without `finish` leaves nothing.
actor BlobWriter {
    /// Appends a piece of any size; throws `no_space` where the disk is full.
    func write(_ piece: ByteBuffer) throws(Failure) {
        throw Failure(.internal, "")
    }

    /// Makes the blob durable and known to the user. Called once.
    func finish() async throws(Failure) -> (blob: BlobID, size: UInt64) {
        throw Failure(.internal, "")
    }
}

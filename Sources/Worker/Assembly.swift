import Glibc
import Messages
import Sodium
import Spool

/// Puts one file of an order together from verified chunks, in a file of the worker's own.
///
/// Nothing unverified is ever written: the blob's id vouches for the list, the list for each chunk (docs/protocol.md §8).
struct Assembly: ~Copyable {
    enum Problem: Error {
        /// The bytes are not what the order names; a chunk that was spoilt on the way is asked for again.
        case hashMismatch
        case system(SystemError)
    }

    private let blob: [UInt8]
    private let size: UInt64
    private let file: File
    private var list: [UInt8] = []

    init(_ path: String, blob: [UInt8], size: UInt64) throws(SystemError) {
        self.blob = blob
        self.size = size
        file = try File(path, O_RDWR | O_CREAT | O_TRUNC)
    }

    mutating func take(list: [UInt8]) throws(Problem) {
        let count = (size + Fetch.chunkBytes - 1) / Fetch.chunkBytes
        var length = ByteWriter()
        length.u64(size)
        guard list.count == Int(count) * 32,
            Blake2b.hash(Array("estiba blob v1".utf8), length.bytes, list) == blob
        else { throw .hashMismatch }
        self.list = list
    }

    func take(chunk: [UInt8], index: UInt32) throws(Problem) {
        let start = Int(index) * 32
        guard start + 32 <= list.count else { throw .hashMismatch }
        let expected = min(Fetch.chunkBytes, size - UInt64(index) * Fetch.chunkBytes)
        guard chunk.count == Int(expected), Blake2b.hash(chunk).elementsEqual(list[start..<start + 32]) else {
            throw .hashMismatch
        }
        do throws(SystemError) {
            try file.write(chunk, at: Int(index) * Int(Fetch.chunkBytes))
        } catch {
            throw .system(error)
        }
    }
}

extension File {
    /// Writes all of it at an offset.
    fileprivate func write(_ bytes: [UInt8], at offset: Int) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            done += try Self.check("pwrite", path) {
                bytes.withUnsafeBytes { buffer in
                    pwrite(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(offset + done))
                }
            }
        }
    }
}

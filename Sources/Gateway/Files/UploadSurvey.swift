import Glibc
import Sodium
import Spool

/// Looks what of an upload is here: in its own file, and in what its user brought before. Blocks; for `DiskWork`.
struct UploadSurvey: Sendable {
    let store: BlobStore
    let user: String
    let data: String
    let size: UInt64

    struct Found: Sendable {
        var pieces: UploadPieces
        /// The hashes of the chunks, as far as they are known.
        var list: [UInt8]
    }

    /// By the hashes that the chunks are to have: what the file has of them stays, and what other blobs have is copied.
    func survey(list: [UInt8]) -> Result<Found, SystemError> {
        result { () throws(SystemError) in
            let hashes = ChunkHash.all(in: list)
            let file = try File(data, O_RDWR)
            var isHere = [Bool](repeating: false, count: hashes.count)
            let length = UInt64(try file.size())
            for (index, hash) in hashes.enumerated() where UploadPieces.range(of: index, size: size).lowerBound < length
            {
                isHere[index] = try self.hash(of: index, in: file) == hash
            }
            let places = store.places(of: Set(zip(hashes, isHere).filter { !$1 }.map(\.0)), for: user)
            for (index, hash) in hashes.enumerated() where !isHere[index] {
                guard let place = places[hash], let chunk = try? store.chunk(UInt32(place.index), of: place.blob),
                    chunk.count == UploadPieces.range(of: index, size: size).count, Self.hash(chunk) == hash
                else { continue }
                try file.write(chunk, at: index * BlobID.chunkSize)
                isHere[index] = true
            }
            return Found(pieces: UploadPieces(size: size, here: { isHere[$0] }), list: list)
        }
    }

    /// Without hashes to compare with: what is in the file is taken as it is.
    func survey() -> Result<Found, SystemError> {
        result { () throws(SystemError) in
            let file = try File(data)
            let offset = min(UInt64(try file.size()), size)
            var list: [UInt8] = []
            for index in 0..<Int(offset / UInt64(BlobID.chunkSize)) { list += try chunkHash(of: index, in: file) }
            if offset == size, size % UInt64(BlobID.chunkSize) != 0 {
                list += try chunkHash(of: UploadPieces.chunks(of: size) - 1, in: file)
            }
            return Found(pieces: UploadPieces(size: size, offset: offset), list: list)
        }
    }

    private func chunkHash(of index: Int, in file: borrowing File) throws(SystemError) -> [UInt8] {
        let range = UploadPieces.range(of: index, size: size)
        return Blake2b.hash(try file.bytes(at: Int(range.lowerBound), count: range.count))
    }

    private func hash(of index: Int, in file: borrowing File) throws(SystemError) -> ChunkHash? {
        let hash = try chunkHash(of: index, in: file)
        return hash.withUnsafeBytes { ChunkHash($0) }
    }

    private static func hash(_ chunk: [UInt8]) -> ChunkHash { Blake2b.hash(chunk).withUnsafeBytes { ChunkHash($0) } }

    private func result(_ body: () throws(SystemError) -> Found) -> Result<Found, SystemError> {
        do throws(SystemError) { return .success(try body()) } catch { return .failure(error) }
    }
}

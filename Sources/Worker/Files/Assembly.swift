import Glibc
import Spool

/// One blob as it is put together from verified chunks, in a file of the worker's own that outlives the worker.
///
/// Nothing unverified is ever written: the blob's id vouches for the list, the list for each chunk (docs/protocol.md §8).
/// Chunks may be taken by several threads at a time.
final class Assembly: Sendable {
    enum Problem: Error {
        /// The bytes are not what the order names; a chunk that was spoilt on the way is asked for again.
        case hashMismatch
        case system(SystemError)
    }

    let list: ChunkList
    private let file: File

    /// Goes on with the file at `path` where there is one.
    init(_ path: String, _ list: ChunkList) throws(SystemError) {
        self.list = list
        file = try File(path, O_RDWR | O_CREAT)
        if try file.size() > Int(list.parcel.size) { try file.truncate(to: Int(list.parcel.size)) }
    }

    func take(_ chunk: ArraySlice<UInt8>, at index: UInt32) throws(Problem) {
        guard list.vouches(for: chunk, at: index) else { throw .hashMismatch }
        do throws(SystemError) {
            try chunk.withUnsafeBufferPointer { bytes throws(SystemError) in
                try file.write(UnsafeRawBufferPointer(bytes), at: Int(index) * Int(Parcel.chunkBytes))
            }
        } catch {
            throw .system(error)
        }
    }

    /// The chunks that are there already, or are now, from blobs of the cache; each was verified just now.
    func salvage(from cache: CacheFolder, _ places: [UInt32: Cache.Place]) throws(SystemError) -> Set<UInt32> {
        let length = try file.size()
        var held: Set<UInt32> = []
        for index in list.indices {
            let start = Int(index) * Int(Parcel.chunkBytes)
            if start < length, list.vouches(for: try chunk(at: index)[...], at: index) {
                held.insert(index)
            } else if let place = places[index], let chunk = cache.chunk(place) {
                // One that has gone or changed meanwhile is fetched instead.
                guard (try? take(chunk[...], at: index)) != nil else { continue }
                held.insert(index)
            }
        }
        return held
    }

    private func chunk(at index: UInt32) throws(SystemError) -> [UInt8] {
        try file.bytes(at: Int(index) * Int(Parcel.chunkBytes), count: list.parcel.bytes(of: index))
    }
}

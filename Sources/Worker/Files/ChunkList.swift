import Messages
import Sodium

/// The bytes of one blob, as an order names them.
struct Parcel: Hashable, Sendable {
    static let chunkBytes: UInt64 = 1 << 20

    /// Its id (docs/protocol.md §8).
    let blob: [UInt8]
    let size: UInt64

    var chunks: UInt32 { UInt32(clamping: (size + Self.chunkBytes - 1) / Self.chunkBytes) }

    /// How many bytes a chunk has.
    func bytes(of index: UInt32) -> Int {
        let start = UInt64(index) * Self.chunkBytes
        return start < size ? Int(min(Self.chunkBytes, size - start)) : 0
    }
}

/// The hashes of a blob's chunks, vouched for by its id.
struct ChunkList: Hashable, Sendable {
    static let hashBytes = 32

    let parcel: Parcel
    let bytes: [UInt8]

    /// Nil where these are not the hashes that the parcel's blob is named after.
    init?(_ bytes: [UInt8], of parcel: Parcel) {
        var length = ByteWriter()
        length.u64(parcel.size)
        guard bytes.count == Int(parcel.chunks) * Self.hashBytes,
            Blake2b.hash(Array("estiba blob v1".utf8), length.bytes, bytes) == parcel.blob
        else { return nil }
        self.parcel = parcel
        self.bytes = bytes
    }

    var indices: Range<UInt32> { 0..<parcel.chunks }

    func hash(of index: UInt32) -> [UInt8] {
        let start = Int(index) * Self.hashBytes
        return Array(bytes[start..<start + Self.hashBytes])
    }

    func vouches(for chunk: ArraySlice<UInt8>, at index: UInt32) -> Bool {
        index < parcel.chunks && chunk.count == parcel.bytes(of: index)
            && chunk.withUnsafeBytes({ Blake2b.hash(of: $0) }) == hash(of: index)
    }
}

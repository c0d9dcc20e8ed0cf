/// The BLAKE2b-256 of a chunk, as a key that is quick to compare.
struct ChunkHash: Hashable, Sendable {
    static let size = 32

    private let words: SIMD4<UInt64>

    /// Of the first 32 bytes.
    init(_ bytes: UnsafeRawBufferPointer) { words = bytes.loadUnaligned(as: SIMD4<UInt64>.self) }

    /// A list's hashes; a rest that is none is left out.
    static func all(in list: [UInt8]) -> [ChunkHash] {
        list.withUnsafeBytes { bytes in
            stride(from: 0, through: bytes.count - size, by: size).map { start in
                ChunkHash(UnsafeRawBufferPointer(rebasing: bytes[start..<start + size]))
            }
        }
    }
}

import Messages
import Sodium

/// The name of a blob: a hash over its size and the hashes of its chunks (docs/protocol.md §8).
struct BlobID: Hashable, Sendable, LosslessStringConvertible {
    static let chunkSize = 1 << 20

    let bytes: [UInt8]

    init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 32 else { return nil }
        self.bytes = Array(bytes)
    }

    /// Reads 64 lower-case hex digits.
    init?(_ text: String) {
        guard text.utf8.count == 64, let bytes = Hex.decode(text), Hex.encode(bytes) == text else { return nil }
        self.bytes = bytes
    }

    /// `list` is the BLAKE2b-256 of each chunk, one after another.
    init(size: UInt64, list: [UInt8]) {
        var field = ByteWriter(capacity: 8)
        field.u64(size)
        bytes = Blake2b.hash(Array("estiba blob v1".utf8), field.bytes, list)
    }

    var description: String { Hex.encode(bytes) }
}

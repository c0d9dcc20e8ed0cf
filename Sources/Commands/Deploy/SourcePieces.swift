import NIOCore
import Sodium
import Synchronization

/// A range of a source's bytes in pieces, read when they are asked for.
struct SourcePieces: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    /// What went wrong with reading, where that is what ended the sending.
    final class Problem: Sendable {
        let error = Mutex<CommandError?>(nil)
    }

    let source: UploadSource
    let range: Range<Int>
    let problem = Problem()
    /// Told how many bytes more have been handed on.
    let progress: @Sendable (Int) -> Void
    private static let pieceSize = 256 << 10

    func makeAsyncIterator() -> Iterator { Iterator(self) }

    struct Iterator: AsyncIteratorProtocol {
        private let pieces: SourcePieces
        private let reader: SourceReader
        private var offset: Int

        fileprivate init(_ pieces: SourcePieces) {
            self.pieces = pieces
            reader = SourceReader(pieces.source)
            offset = pieces.range.lowerBound
        }

        mutating func next() async throws -> ByteBuffer? {
            let wanted = Swift.min(SourcePieces.pieceSize, pieces.range.upperBound - offset)
            guard wanted > 0 else { return nil }
            do throws(CommandError) {
                let bytes = try reader.read(at: offset, count: wanted)
                offset += bytes.count
                pieces.progress(bytes.count)
                return ByteBuffer(bytes: bytes)
            } catch {
                pieces.problem.error.withLock { $0 = error }
                throw error
            }
        }
    }
}

extension UploadSource {
    /// The size of the pieces that are hashed one by one (docs/protocol.md §8).
    static let chunkSize = 1 << 20

    /// The hash of each chunk, one after another.
    func hashes(_ progress: (Int) -> Void) throws(CommandError) -> [UInt8] {
        let reader = SourceReader(self)
        var list: [UInt8] = []
        var offset = 0
        while offset < size {
            let bytes = try reader.read(at: offset, count: Self.chunkSize)
            list += Blake2b.hash(bytes)
            offset += bytes.count
            progress(offset)
        }
        return list
    }
}

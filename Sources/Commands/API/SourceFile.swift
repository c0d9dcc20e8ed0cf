import Glibc
import NIOCore
import Spool

/// A file of this machine that is to be sent.
struct SourceFile: Sendable {
    let path: String
    /// Without its folders.
    let name: String
    let size: Int
    /// Permissions only; set-uid, set-gid and sticky are left here.
    let mode: UInt32

    init(_ path: String) throws(CommandError) {
        var found = stat()
        guard stat(path, &found) == 0 else {
            throw .usage("\(path): \(SystemError.last("stat").reason)")
        }
        guard found.st_mode & S_IFMT == S_IFREG else { throw .usage("\(path) is not a file") }
        guard access(path, R_OK) == 0 else { throw .usage("\(path): \(SystemError.last("access").reason)") }
        self.path = path
        name = path.split(separator: "/").last.map(String.init) ?? path
        size = Int(found.st_size)
        mode = found.st_mode & 0o777
    }
}

/// A file's bytes in pieces, read when they are asked for. Ends early or throws where the file shrinks meanwhile.
struct FilePieces: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    let source: SourceFile
    /// Told how many bytes have been handed on.
    let progress: @Sendable (Int) -> Void
    private static let pieceSize = 256 << 10

    func makeAsyncIterator() -> Iterator { Iterator(pieces: self) }

    struct Iterator: AsyncIteratorProtocol {
        let pieces: FilePieces
        private var file: OpenFile?
        private var sent = 0

        fileprivate init(pieces: FilePieces) { self.pieces = pieces }

        mutating func next() async throws -> ByteBuffer? {
            let open = try file ?? OpenFile(pieces.source.path)
            file = open
            pieces.progress(sent)
            let wanted = Swift.min(FilePieces.pieceSize, pieces.source.size - sent)
            guard wanted > 0 else { return nil }
            let bytes = try open.read(wanted)
            guard !bytes.isEmpty else {
                throw CommandError.local("\(pieces.source.path) became shorter while it was read")
            }
            sent += bytes.count
            return ByteBuffer(bytes: bytes)
        }
    }
}

/// Holds the file open as long as somebody iterates.
private final class OpenFile {
    private let file: File

    init(_ path: String) throws(SystemError) { file = try File(path) }

    /// What is there, at most `count` bytes; empty at the end.
    func read(_ count: Int) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = try File.check("read", file.path) { Glibc.read(file.descriptor, &bytes, count) }
        return Array(bytes.prefix(got))
    }
}

import Glibc
import Spool

/// Bytes that are to be sent: a file's, or those of an archive that is made of a folder while it is sent.
struct UploadSource: Sendable, Equatable {
    enum Content: Sendable, Equatable {
        case bytes([UInt8])
        /// The same byte again and again.
        case fill(UInt8)
        /// Of the file at a path, from its beginning.
        case file(String)
    }

    struct Part: Sendable, Equatable {
        let offset: Int
        let length: Int
        let content: Content

        var end: Int { offset + length }
    }

    /// As the user named it.
    let path: String
    /// What it will be called on the nodes.
    let name: String
    /// Permissions only; set-uid, set-gid and sticky are left here.
    let mode: UInt32
    let isTree: Bool
    /// In order and without a gap.
    let parts: [Part]

    var size: Int { parts.last?.end ?? 0 }

    /// A file, or with `takesFolders` a folder with all that is in it.
    init(_ path: String, takesFolders: Bool) throws(CommandError) {
        var found = stat()
        guard stat(path, &found) == 0 else { throw .usage("\(path): \(SystemError.last("stat").reason)") }
        self.path = path
        mode = found.st_mode & 0o777
        switch found.st_mode & S_IFMT {
        case S_IFREG:
            guard access(path, R_OK) == 0 else { throw .usage("\(path): \(SystemError.last("access").reason)") }
            (name, isTree) = (Self.name(path), false)
            parts = found.st_size == 0 ? [] : [Part(offset: 0, length: Int(found.st_size), content: .file(path))]
        case S_IFDIR:
            guard takesFolders else { throw .usage("\(path) is a folder: give -r to deploy it with all that is in it") }
            let whole = try Self.whole(path)
            (name, isTree) = (Self.name(whole), true)
            guard !name.isEmpty else { throw .usage("/ has no name to be deployed under") }
            parts = TarLayout.parts(of: try FolderTree.members(of: whole))
        default: throw .usage("\(path) is not a file")
        }
    }

    /// The last part of a path.
    private static func name(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? "" }

    /// A folder's own name, where it is called `.` or `..` or is reached through a link.
    private static func whole(_ path: String) throws(CommandError) -> String {
        let last = name(path)
        if !["", ".", ".."].contains(last) { return path }
        guard let real = realpath(path, nil) else { throw .usage("\(path): \(SystemError.last("realpath").reason)") }
        defer { free(real) }
        return String(cString: real)
    }
}

/// Reads an `UploadSource` at any offset; keeps the file open that was read last.
final class SourceReader {
    private let source: UploadSource
    private var file: OpenFile?

    init(_ source: UploadSource) { self.source = source }

    /// Up to `count` bytes of those that are left at the offset; throws where a file has become shorter.
    func read(at offset: Int, count: Int) throws(CommandError) -> [UInt8] {
        let end = min(offset + count, source.size)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(max(0, end - offset))
        var index = part(at: offset)
        while offset + bytes.count < end {
            let part = source.parts[index]
            let from = offset + bytes.count - part.offset
            let wanted = min(end, part.end) - part.offset - from
            switch part.content {
            case .bytes(let all): bytes += all[from..<from + wanted]
            case .fill(let byte): bytes += repeatElement(byte, count: wanted)
            case .file(let path): bytes += try read(path, at: from, count: wanted)
            }
            index += 1
        }
        return bytes
    }

    /// The part that an offset lies in, by halving.
    private func part(at offset: Int) -> Int {
        var range = source.parts.indices
        while range.count > 1 {
            let middle = range.lowerBound + range.count / 2
            range = source.parts[middle].offset <= offset ? middle..<range.upperBound : range.lowerBound..<middle
        }
        return range.lowerBound
    }

    private func read(_ path: String, at offset: Int, count: Int) throws(CommandError) -> [UInt8] {
        do throws(SystemError) {
            let open: OpenFile
            if let file, file.path == path { open = file } else { open = try OpenFile(path) }
            file = open
            let bytes = try open.read(at: offset, count: count)
            guard bytes.count == count else { throw SystemError("read", path, errno: 0) }
            return bytes
        } catch {
            if error.errno == 0 { throw .local("\(path) became shorter while it was read") }
            throw .local("\(path): \(error.reason)")
        }
    }
}

/// Holds the file open as long as somebody reads.
private final class OpenFile {
    private let file: File
    var path: String { file.path }

    init(_ path: String) throws(SystemError) { file = try File(path) }

    func read(at offset: Int, count: Int) throws(SystemError) -> [UInt8] { try file.bytes(at: offset, count: count) }
}

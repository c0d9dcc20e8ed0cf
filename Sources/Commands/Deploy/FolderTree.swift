import Glibc
import Spool

/// What lies in a folder, as it goes into an archive.
struct TreeMember: Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        case file(size: Int)
        case folder
        case link(to: String)
    }

    /// Below the folder; `./` for the folder itself, and a folder's ends in a slash.
    var path: String
    /// Where it lies on this machine.
    var source: String
    var kind: Kind
    var mode: UInt32
    /// Unix seconds.
    var modified: Int
}

/// Walks a folder of this machine.
enum FolderTree {
    /// All that is in it, in the order of the paths' bytes, so that the same folder gives the same archive. Links stay links;
    /// sockets, FIFOs and devices are left out, and said to be.
    static func members(of folder: String) throws(CommandError) -> [TreeMember] {
        guard let root = try member("./", at: folder, followsLink: true) else { throw .usage("\(folder) is no folder") }
        var members = [root]
        var folders = [(path: "", source: folder)]
        while let next = folders.popLast() {
            for name in try names(in: next.source) {
                let source = "\(next.source)/\(name)"
                guard let found = try member(next.path + name, at: source, followsLink: false) else {
                    StandardStreams.say("\(source) is left out: it is no file, no folder and no link")
                    continue
                }
                members.append(found)
                if found.kind == .folder { folders.append((found.path, source)) }
            }
        }
        return [root] + members.dropFirst().sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    }

    private static func member(
        _ path: String, at source: String, followsLink: Bool
    ) throws(CommandError) -> TreeMember? {
        var facts = stat()
        guard fstatat(AT_FDCWD, source, &facts, followsLink ? 0 : AT_SYMLINK_NOFOLLOW) == 0 else {
            throw .usage("\(source): \(SystemError.last("stat").reason)")
        }
        var member = TreeMember(
            path: path, source: source, kind: .folder, mode: facts.st_mode & 0o777,
            modified: max(0, facts.st_mtim.tv_sec))
        switch facts.st_mode & S_IFMT {
        case S_IFREG: member.kind = .file(size: Int(facts.st_size))
        case S_IFDIR: if !member.path.hasSuffix("/") { member.path += "/" }
        case S_IFLNK: member.kind = .link(to: try target(of: source))
        default: return nil
        }
        return member
    }

    private static func target(of link: String) throws(CommandError) -> String {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(link, &bytes, bytes.count)
        guard count >= 0 else { throw .usage("\(link): \(SystemError.last("readlink").reason)") }
        return try text(bytes[..<count].map { UInt8(bitPattern: $0) }[...], in: link)
    }

    private static func names(in folder: String) throws(CommandError) -> [String] {
        guard let stream = opendir(folder) else { throw .usage("\(folder): \(SystemError.last("opendir").reason)") }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if bytes == [0x2E] || bytes == [0x2E, 0x2E] { continue }
            names.append(try text(bytes[...], in: folder))
        }
        return names
    }

    private static func text(_ bytes: ArraySlice<UInt8>, in place: String) throws(CommandError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let shown = String(decoding: bytes, as: UTF8.self)
            throw .usage("\(place): the name “\(shown)” is not UTF-8, and nodes take no other; rename it")
        }
        return text
    }
}

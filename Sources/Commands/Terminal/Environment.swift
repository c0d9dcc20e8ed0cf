import FoundationEssentials
import Glibc
import Spool

/// The environment of this process.
enum Environment {
    static var all: [String: String] { ProcessInfo.processInfo.environment }
}

/// Folders of this machine.
enum Folders {
    /// Makes a folder and those above it that are missing. One that is there keeps its mode.
    static func make(_ path: String, mode: mode_t = 0o755) throws(CommandError) {
        if isFolder(path) { return }
        let parent = path.split(separator: "/", omittingEmptySubsequences: true).dropLast().joined(separator: "/")
        if !parent.isEmpty { try make((path.hasPrefix("/") ? "/" : "") + parent) }
        guard mkdir(path, mode) == 0 || errno == EEXIST else {
            throw .local("cannot make the folder \(path): \(String(cString: strerror(errno)))")
        }
    }

    static func isFolder(_ path: String) -> Bool {
        var found = stat()
        return stat(path, &found) == 0 && found.st_mode & S_IFMT == S_IFDIR
    }
}

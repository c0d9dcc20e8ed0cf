import Glibc
import Spool

/// Where everything of one `estiba up` lies.
struct UpFolder: Sendable {
    let path: String

    var lock: String { path + "/lock" }
    var pids: String { path + "/pids.json" }
    var memory: String { path + "/up.json" }
    var registry: String { path + "/registry" }
    var keys: String { path + "/keys" }
    var pam: String { path + "/pam" }
    var codes: String { path + "/codes" }
    var gateway: String { path + "/gateway" }
    var nodes: String { path + "/nodes" }
    var authenticatorSocket: String { path + "/authenticator.sock" }

    func key(_ name: String) -> String { "\(keys)/\(name).key" }
    func settings(_ part: String) -> String { "\(path)/\(part).yaml" }
    func log(_ part: String) -> String { "\(path)/log/\(part).log" }
    func node(_ name: String) -> String { "\(nodes)/\(name)" }

    /// `--data`, or the user's data folder; root's is where a system user can reach it.
    init(_ given: String?, _ environment: [String: String] = Environment.all) throws(CommandError) {
        if let given {
            path = Self.absolute(given)
        } else if getuid() == 0 {
            path = "/var/lib/estiba"
        } else if let folder = environment["XDG_DATA_HOME"], folder.hasPrefix("/") {
            path = folder + "/estiba"
        } else if let home = environment["HOME"], home.hasPrefix("/") {
            path = home + "/.local/share/estiba"
        } else {
            throw .usage("HOME is not set: say with --data where the data is to lie")
        }
    }

    /// Makes the folder itself. As root it can be passed through by all, because homes lie below.
    ///
    /// One that is there must be the invoking user's alone: who can move things in it would be taken for that user.
    func makeTop() throws(CommandError) {
        let isRoot = getuid() == 0
        try Folders.make(path, mode: isRoot ? 0o711 : 0o700)
        var found = stat()
        guard stat(path, &found) == 0 else { throw .local("\(SystemError.last("stat", path))") }
        // A group of one's own is usual, but not to root.
        guard found.st_uid == getuid(), found.st_mode & (isRoot ? 0o022 : 0o002) == 0 else {
            throw .local("\(path) is not yours alone: others can change what lies in it; name another with --data")
        }
        if isRoot { chmod(path, found.st_mode & 0o7777 | 0o111) }
    }

    /// Makes the folders in it; files say who may read them.
    func make(owner: UpAccount) throws(CommandError) {
        for folder in [keys, pam, nodes, path + "/log"] { try Folders.make(folder, mode: 0o755) }
        for folder in [codes, gateway] {
            try Folders.make(folder, mode: 0o700)
            try owner.own(folder)
        }
    }

    private static func absolute(_ path: String) -> String {
        let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        if path.hasPrefix("/") { return path }
        guard let here = getcwd(nil, 0) else { return path }
        defer { free(here) }
        return "\(String(cString: here))/\(path)"
    }
}

/// The hold of one `up` on its folder; it ends with this value, or with the process.
struct UpLock: ~Copyable {
    private let file: File

    /// Nil where another `estiba up` has it.
    init?(_ folder: UpFolder) throws(SystemError) {
        file = try File(folder.lock, O_RDWR | O_CREAT, mode: 0o600)
        guard flock(file.descriptor, LOCK_EX | LOCK_NB) == 0 else { return nil }
    }
}

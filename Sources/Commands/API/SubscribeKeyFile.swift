import Glibc
import Messages

/// Where the secret halves of a user's own keys for reading the bus are.
enum SubscribeKeyFile {
    /// Makes the folder; a name that could lead elsewhere is refused.
    static func path(_ name: String) throws(CommandError) -> String {
        guard NodeName(name) != nil else {
            throw .usage("a key's name has 1 to 64 letters, digits, dots, dashes or underscores: \(name) has not")
        }
        let folder = StoredLogin.folder() + "/keys"
        try Folders.make(StoredLogin.folder(), mode: 0o700)
        try Folders.make(folder, mode: 0o700)
        return "\(folder)/\(name).key"
    }

    /// The key there, or a new one of mode 0400. One that others can read, or that is another's, is not used.
    static func existing(_ path: String) throws(CommandError) -> KeyFile {
        var found = stat()
        if lstat(path, &found) == 0 {
            guard found.st_mode & S_IFMT == S_IFREG, found.st_uid == geteuid(), found.st_mode & 0o077 == 0 else {
                throw .local("\(path): not a file that is yours alone; remove it to have a new one made")
            }
        }
        return try KeyFile.existing(path)
    }
}

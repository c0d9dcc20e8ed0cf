import Glibc
import Spool

/// Removes a name with all that lies beneath it, following no link.
enum FolderRemoval {
    /// One open folder for each level.
    private static let deepest = 400

    /// False where something could not be removed; a name that is not there is removed already.
    @discardableResult
    static func remove(_ name: String, in folder: borrowing File, depth: Int = 0) -> Bool {
        let place = folder.descriptor
        if unlinkat(place, name, 0) == 0 || errno == ENOENT { return true }
        if unlinkat(place, name, AT_REMOVEDIR) == 0 { return true }
        guard errno == ENOTEMPTY || errno == EEXIST, depth < deepest else { return false }
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
        if faccessat(place, name, R_OK | W_OK | X_OK, 0) != 0 { fchmodat(place, name, 0o700, 0) }
        guard let below = try? File(name, in: folder, flags), let names = try? File.names(in: below) else {
            return false
        }
        for name in names { remove(name, in: below, depth: depth + 1) }
        return unlinkat(place, name, AT_REMOVEDIR) == 0
    }
}

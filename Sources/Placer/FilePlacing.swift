import CLinux
import Glibc
import Spool

/// Puts bytes into an open folder under a name: there whole or not at all, and nothing else left behind.
struct FilePlacing {
    let target: Placement.Target
    /// For messages.
    let folderName: String

    /// setuid, setgid and sticky are never given.
    private static let permissions: UInt32 = 0o777

    func place(_ source: borrowing File, in folder: borrowing File) throws(PlacementFailure) {
        try refuseWhatIsNoFile(in: folder)
        do throws(SystemError) {
            if let unnamed = try unnamedFile(in: folder) {
                try fill(unnamed, from: source)
                try give(unnamed, in: folder)
            } else {
                try placeByRename(source, in: folder)
            }
            try folder.synchronise()
        } catch {
            throw PlacementFailure(error, folderName)
        }
    }

    /// Without opening it, so that a FIFO or a device does nothing.
    private func refuseWhatIsNoFile(in folder: borrowing File) throws(PlacementFailure) {
        var found = stat()
        guard fstatat(folder.descriptor, target.name, &found, AT_SYMLINK_NOFOLLOW) == 0 else { return }
        switch found.st_mode & S_IFMT {
        case S_IFREG, S_IFLNK: break
        default:
            throw PlacementFailure(.notAFile, "What is called \(target.name) in \(folderName) is not a file.")
        }
        if !target.overwrites {
            throw PlacementFailure(
                .exists, "There is a file \(target.name) in \(folderName) already, and it is not to be overwritten.")
        }
    }

    /// Nil where the file system has no unnamed files (NFS).
    private func unnamedFile(in folder: borrowing File) throws(SystemError) -> File? {
        let place = folder.descriptor
        do throws(SystemError) {
            return File(adopting: try File.check("open") { estiba_open_unnamed(place, 0o600) })
        } catch {
            if error.errno == EOPNOTSUPP || error.errno == EISDIR || error.errno == EINVAL { return nil }
            throw error
        }
    }

    private func fill(_ file: borrowing File, from source: borrowing File) throws(SystemError) {
        try file.append(contentsOf: source)
        let descriptor = file.descriptor
        try File.check("chmod") { fchmod(descriptor, mode_t(target.mode & Self.permissions)) }
        try file.synchronise()
    }

    /// Gives an unnamed file its name; over another file by way of a name beside it.
    private func give(_ file: borrowing File, in folder: borrowing File) throws(SystemError) {
        let (descriptor, place) = (file.descriptor, folder.descriptor)
        do throws(SystemError) {
            try File.check("link") { estiba_link_unnamed(descriptor, place, target.name) }
        } catch {
            guard error.errno == EEXIST, target.overwrites else { throw error }
            let beside = Self.besideName()
            try File.check("link") { estiba_link_unnamed(descriptor, place, beside) }
            try rename(beside, in: folder)
        }
    }

    private func placeByRename(_ source: borrowing File, in folder: borrowing File) throws(SystemError) {
        let beside = Self.besideName()
        let file = try File(beside, in: folder, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW)
        do throws(SystemError) {
            try fill(file, from: source)
        } catch {
            unlinkat(folder.descriptor, beside, 0)
            throw error
        }
        try rename(beside, in: folder)
    }

    private func rename(_ beside: String, in folder: borrowing File) throws(SystemError) {
        let place = folder.descriptor
        do throws(SystemError) {
            if target.overwrites {
                try File.check("rename") { renameat(place, beside, place, target.name) }
            } else {
                try File.check("rename") { estiba_rename_no_replace(place, beside, place, target.name) }
            }
        } catch {
            unlinkat(place, beside, 0)
            throw error
        }
    }

    private static func besideName() -> String {
        ".estiba-" + String(UInt64.random(in: 0 ... .max), radix: 36)
    }
}

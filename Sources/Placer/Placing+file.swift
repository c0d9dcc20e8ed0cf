import CLinux
import Glibc
import Spool

/// A single file.
extension Placing {
    func placeFile(_ source: borrowing File, in folder: borrowing File) throws(PlacementFailure) {
        if let found = try system({ () throws(SystemError) in try Found(target.name, in: folder) }) {
            try judge(found, isFit: found.isFile || found.isLink)
        }
        do throws(SystemError) {
            if let unnamed = try unnamedFile(in: folder) {
                try fill(unnamed, from: source)
                if try give(unnamed, in: folder) { return }
            } else {
                let file = try File(hidden, in: folder, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW)
                try fill(file, from: source)
            }
            try renaming.carryOut(in: folder)
        } catch {
            throw PlacementFailure(error, folderName)
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
        try File.check("chmod") { fchmod(descriptor, mode_t(target.mode & Placement.permissions)) }
        try file.synchronise()
        if let found = try Found("", in: file) { try note.write(.placing(found.identity)) }
    }

    /// Gives an unnamed file its name at once where that is free, else the hidden one; true where it has its own.
    private func give(_ file: borrowing File, in folder: borrowing File) throws(SystemError) -> Bool {
        let (descriptor, place) = (file.descriptor, folder.descriptor)
        do throws(SystemError) {
            try File.check("link") { estiba_link_unnamed(descriptor, place, target.name) }
            return true
        } catch {
            guard error.errno == EEXIST, target.overwrites else { throw error }
            try File.check("link") { estiba_link_unnamed(descriptor, place, hidden) }
            return false
        }
    }
}

import CLinux
import Glibc
import Spool

/// Gives what lies ready under a hidden name of a folder its own name, by one rename.
struct Renaming {
    let hidden: String
    let name: String
    /// Whether it may take the place of something, and whether that is then let go or left under the hidden name.
    let overwrites: Bool
    let leavesOld: Bool

    /// Where the old one stands for a moment on a file system that cannot exchange two names (NFS).
    var aside: String { hidden + "-old" }

    /// `exists` as EEXIST, where something is there that is to stay.
    func carryOut(in folder: borrowing File) throws(SystemError) {
        // The user's own processes may make and remove the name meanwhile.
        for _ in 0..<100 {
            do throws(SystemError) {
                return try takeFreeName(in: folder)
            } catch {
                guard error.errno == EEXIST, overwrites else { throw error }
            }
            do throws(SystemError) {
                return try takePlace(in: folder)
            } catch {
                guard error.isMissing else { throw error }
            }
        }
        throw SystemError("rename", name, errno: EBUSY)
    }

    private func takeFreeName(in folder: borrowing File) throws(SystemError) {
        let place = folder.descriptor
        do throws(SystemError) {
            try File.check("rename", name) { estiba_rename_no_replace(place, hidden, place, name) }
        } catch {
            guard error.errno == EINVAL else { throw error }
            guard try Found(hidden, in: folder)?.isFolder == true else {
                try File.check("link", name) { linkat(place, hidden, place, name, 0) }
                unlinkat(place, hidden, 0)
                return
            }
            guard try Found(name, in: folder) == nil else { throw SystemError("rename", name, errno: EEXIST) }
            try File.check("rename", name) { renameat(place, hidden, place, name) }
        }
    }

    private func takePlace(in folder: borrowing File) throws(SystemError) {
        let place = folder.descriptor
        guard leavesOld else {
            try File.check("rename", name) { renameat(place, hidden, place, name) }
            return
        }
        do throws(SystemError) {
            try File.check("rename", name) { estiba_rename_exchange(place, hidden, name) }
        } catch {
            guard error.errno == EINVAL else { throw error }
            try File.check("rename", name) { renameat(place, name, place, aside) }
            do throws(SystemError) {
                try File.check("rename", name) { renameat(place, hidden, place, name) }
            } catch {
                renameat(place, aside, place, name)
                throw error
            }
            try File.check("rename", name) { renameat(place, aside, place, hidden) }
        }
    }

    /// After a crash in the midst of it: the old one goes to where it would have been.
    func settle(isDone: Bool, in folder: borrowing File) throws(SystemError) {
        guard try Found(aside, in: folder) != nil else { return }
        let place = folder.descriptor
        let home = isDone ? hidden : name
        if try Found(home, in: folder) == nil {
            try File.check("rename", home) { renameat(place, aside, place, home) }
        } else {
            FolderRemoval.remove(aside, in: folder)
        }
    }
}

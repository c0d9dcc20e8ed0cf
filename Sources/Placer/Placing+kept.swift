import CLinux
import Glibc
import Spool

/// What an earlier run took the place of.
extension Placing {
    func restore(_ run: String, in folder: borrowing File) throws(PlacementFailure) {
        let found = try system { () throws(SystemError) in try Found(target.name, in: folder) }
        if let found { try judge(found, isFit: found.isFile || found.isLink || found.isFolder) }
        let isRestored = try system { () throws(SystemError) in
            guard let slot = try PreviousFolder.open(in: folder, uid: uid, makes: false)?.slot(run, target.name) else {
                return false
            }
            if let was = try Identity(PreviousFolder.was, in: slot) {
                try note.write(.placing(was))
                try File.check("rename", PreviousFolder.was) {
                    renameat(slot.descriptor, PreviousFolder.was, folder.descriptor, hidden)
                }
                try renaming.carryOut(in: folder)
                return true
            }
            return try remove(found, placedBy: slot, in: folder)
        }
        guard isRestored else {
            throw PlacementFailure(
                .nothingKept,
                "Nothing is kept of what that execution took the place of as \(target.name) in \(folderName), or what it placed has changed."
            )
        }
    }

    /// There was nothing: what was placed goes, where it is still the same.
    private func remove(_ found: Found?, placedBy slot: borrowing File, in folder: borrowing File) throws(SystemError)
        -> Bool
    {
        guard let found, try PreviousFolder.placed(in: slot) == found.identity else { return false }
        try note.write(.removing(found.identity))
        try File.check("rename", target.name) {
            renameat(folder.descriptor, target.name, folder.descriptor, hidden)
        }
        return true
    }
}

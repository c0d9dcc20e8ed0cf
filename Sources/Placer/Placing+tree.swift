import Glibc
import Spool

/// A folder with all that is in it, from an archive.
extension Placing {
    func placeTree(_ archive: borrowing File, in folder: borrowing File) throws(PlacementFailure) {
        if let found = try system({ () throws(SystemError) in try Found(target.name, in: folder) }) {
            try judge(found, isFit: found.isFolder || found.isLink)
        }
        var unpacking = try system { () throws(SystemError) in
            try File.check("mkdir", hidden) { mkdirat(folder.descriptor, hidden, 0o700) }
            return try Unpacking(into: try File.folder(hidden, in: folder))
        }
        try unpacking.unpack(archive)
        try system { () throws(SystemError) in
            if let identity = try Identity(hidden, in: folder) { try note.write(.placing(identity)) }
            try renaming.carryOut(in: folder)
        }
    }
}

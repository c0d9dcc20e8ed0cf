import Glibc
import Spool

extension PlacementFailure {
    /// What a failed system call means to the one who asked.
    init(_ error: SystemError, _ path: String) {
        switch error.errno {
        case EACCES, EPERM, EROFS: self.init(.permission, "The user may not do that in \(path) (\(error.reason)).")
        case ENOSPC, EDQUOT, EFBIG: self.init(.noSpace, "There is no room for the file in \(path) (\(error.reason)).")
        case EEXIST: self.init(.exists, "There is a file of that name in \(path).")
        case ENOENT: self.init(.noSuchFolder, "There is no folder \(path).")
        case ENOTDIR: self.init(.noSuchFolder, "\(path) is no folder.")
        case ENAMETOOLONG: self.init(.badName, "A name is too long for the file system of \(path).")
        case EISDIR: self.init(.notAFile, "What is there in \(path) is a folder.")
        case ELOOP: self.init(.permission, "A link on the way to \(path) is neither the user's nor root's.")
        default: self.init(.internal, "\(error.call) in \(path): \(error.reason).")
        }
    }
}

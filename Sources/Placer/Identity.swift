import CLinux
import Glibc
import Spool

/// What tells a file, folder or link from every other in its file system, whatever its name is.
struct Identity: Hashable {
    let inode: UInt64
    /// When it was made, in Unix nanoseconds; 0 where the file system does not say.
    let born: UInt64
    /// Of a file only, so that one that was written to since is another: when, and its bytes.
    let modified: UInt64
    let size: UInt64

    /// Of a name, which is not followed; nil where there is none.
    init?(_ name: String, in folder: borrowing File) throws(SystemError) {
        guard let found = try Found(name, in: folder) else { return nil }
        self = found.identity
    }

    fileprivate init(_ found: estiba_identity) {
        let isFile = found.mode & S_IFMT == S_IFREG
        inode = found.inode
        born = found.born
        modified = isFile ? found.modified : 0
        size = isFile ? found.size : 0
    }

    var text: String { [inode, born, modified, size].map(String.init).joined(separator: " ") }

    init?(text: some StringProtocol) {
        let numbers = text.split(separator: " ").compactMap { UInt64($0) }
        guard numbers.count == 4 else { return nil }
        (inode, born, modified, size) = (numbers[0], numbers[1], numbers[2], numbers[3])
    }
}

/// What has a name, seen without following or opening it, so that a FIFO or a device does nothing.
struct Found {
    let identity: Identity
    let uid: UInt32
    private let mode: UInt32

    /// With an empty name the open file itself; nil where there is none.
    init?(_ name: String, in folder: borrowing File) throws(SystemError) {
        var found = estiba_identity()
        let place = folder.descriptor
        do throws(SystemError) {
            try File.check("statx", name) { estiba_identify(place, name, &found) }
        } catch {
            if error.isMissing { return nil }
            throw error
        }
        identity = Identity(found)
        uid = found.uid
        mode = found.mode
    }

    var isFolder: Bool { mode & S_IFMT == S_IFDIR }
    var isFile: Bool { mode & S_IFMT == S_IFREG }
    var isLink: Bool { mode & S_IFMT == S_IFLNK }
    var permissions: UInt32 { mode & 0o7777 }
}

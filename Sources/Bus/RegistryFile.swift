private import Glibc

/// The registry on disk, read again when it changes.
package struct RegistryFile: Sendable {
    private struct Stamp: Equatable {
        var device: UInt64 = 0
        var inode: UInt64 = 0
        var size: Int64 = -1
        var seconds = 0
        var nanoseconds = 0
    }

    package let path: String
    package private(set) var registry: Registry
    private var stamp: Stamp

    package init(path: String) throws(Registry.Unusable) {
        self.path = path
        stamp = Self.stamp(of: path)
        registry = try Registry(path: path)
    }

    /// The new registry where the file has changed, nil where it has not.
    ///
    /// What throws leaves the registry as it was, and is told once per change of the file.
    package mutating func reload() throws(Registry.Unusable) -> Registry? {
        let seen = Self.stamp(of: path)
        guard seen != stamp else { return nil }
        stamp = seen
        let read = try Registry(path: path)
        guard read != registry else { return nil }
        registry = read
        return read
    }

    private static func stamp(of path: String) -> Stamp {
        var status = stat()
        guard stat(path, &status) == 0 else { return Stamp() }
        return Stamp(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }
}

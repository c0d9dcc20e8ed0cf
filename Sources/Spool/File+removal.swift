import Glibc

extension File {
    /// How much of a file is given back to the disk in one call: a file system may hold up its other users for as long.
    private static let step = 256 << 20

    /// Removes a file of any size, in steps; one that is not there is no error.
    package static func remove(_ path: String) {
        var facts = stat()
        if lstat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_nlink == 1, facts.st_size > step,
            let file = try? File(path, O_WRONLY)
        {
            var size = Int(facts.st_size)
            while size > step {
                size -= step
                guard (try? file.truncate(to: size)) != nil else { break }
            }
        }
        unlink(path)
    }

    /// Removes a folder and all in it, links themselves and not what they lead to; one that is not there is no error.
    package static func removeFolder(_ path: String) {
        for name in (try? names(in: path)) ?? [] {
            let entry = "\(path)/\(name)"
            var facts = stat()
            guard lstat(entry, &facts) == 0 else { continue }
            facts.st_mode & S_IFMT == S_IFDIR ? removeFolder(entry) : remove(entry)
        }
        rmdir(path)
    }

    /// When a file was last written, Unix milliseconds; nil where there is none.
    package static func modified(_ path: String) -> Int64? {
        var facts = stat()
        guard stat(path, &facts) == 0 else { return nil }
        return Int64(facts.st_mtim.tv_sec) * 1000 + Int64(facts.st_mtim.tv_nsec) / 1_000_000
    }

    /// Bytes free to this process on the file system of a path; nil where that cannot be told.
    package static func freeBytes(at path: String) -> UInt64? {
        var facts = statvfs()
        guard statvfs(path, &facts) == 0 else { return nil }
        return UInt64(facts.f_bavail) * UInt64(facts.f_frsize)
    }

    /// Gives each name of a folder as it is read, without `.` and `..`; false from `take` ends it.
    package static func forEachName(in folder: String, _ take: (String) -> Bool) throws(SystemError) {
        guard let stream = opendir(folder) else { throw SystemError.last("opendir", folder) }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != "..", !take(name) { return }
        }
    }
}

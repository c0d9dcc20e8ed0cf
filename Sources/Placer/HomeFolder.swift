import CLinux
import Glibc
import Spool

/// Makes a missing home, as root, before the user's identity is taken on. Never replaces anything.
struct HomeFolder {
    let home: Placement.Home
    let uid: UInt32
    let gid: UInt32
    /// What a new home is filled with.
    var skeleton = "/etc/skel"

    func prepare() throws(PlacementFailure) {
        guard home.path.hasPrefix("/"), !home.path.split(separator: "/").contains("..") else {
            throw PlacementFailure(.homeMissing, "The account has no home that can be used: \(home.path)")
        }
        var found = stat()
        // A link that root owns may lead to the home (automount); what it leads to is opened as the user later.
        if stat(home.path, &found) == 0 { return try checkIsFolder(found) }
        guard errno == ENOENT, home.missing != .refuse else {
            throw PlacementFailure(.homeMissing, "The home \(home.path) is missing.")
        }
        do throws(SystemError) {
            if home.missing == .empty { try makeParents() }
            try make()
        } catch {
            throw PlacementFailure(.homeMissing, "The home \(home.path) could not be made (\(error.reason)).")
        }
    }

    private func checkIsFolder(_ found: stat) throws(PlacementFailure) {
        guard found.st_mode & S_IFMT == S_IFDIR else {
            throw PlacementFailure(.homeMissing, "The home \(home.path) is no folder.")
        }
    }

    private func makeParents() throws(SystemError) {
        var path = ""
        for component in home.path.split(separator: "/").dropLast() {
            path += "/\(component)"
            do throws(SystemError) {
                try File.check("mkdir", path) { mkdir(path, 0o755) }
            } catch {
                if error.errno != EEXIST { throw error }
            }
        }
    }

    /// Made and filled under another name, so that the home is there whole or not at all.
    private func make() throws(SystemError) {
        let aside = home.path + ".estiba-" + String(UInt64.random(in: 0 ... .max), radix: 36)
        try File.check("mkdir", aside) { mkdir(aside, 0o700) }
        do throws(SystemError) {
            let folder = try File(aside, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            if home.missing == .skeleton, let from = try? File(skeleton, O_RDONLY | O_DIRECTORY) {
                try copy(from, into: folder)
            }
            try give(folder)
            try File.check("rename", home.path) { estiba_rename_no_replace(AT_FDCWD, aside, AT_FDCWD, home.path) }
        } catch {
            remove(aside)
            // Another placement was quicker.
            if error.errno != EEXIST { throw error }
        }
    }

    private func remove(_ path: String) {
        for name in (try? File.names(in: path)) ?? [] where unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
        rmdir(path)
    }

    private func copy(_ from: borrowing File, into folder: borrowing File) throws(SystemError) {
        for name in try File.names(in: from.path) {
            var found = stat()
            let (source, place) = (from.descriptor, folder.descriptor)
            try File.check("stat", name) { fstatat(source, name, &found, AT_SYMLINK_NOFOLLOW) }
            switch found.st_mode & S_IFMT {
            case S_IFDIR:
                try File.check("mkdir", name) { mkdirat(place, name, 0o700) }
                let below = try File(name, in: folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                try copy(try File(name, in: from, O_RDONLY | O_DIRECTORY), into: below)
                try give(below, mode: found.st_mode & 0o777)
            case S_IFREG:
                let file = try File(name, in: folder, O_WRONLY | O_CREAT | O_EXCL)
                try file.append(contentsOf: try File(name, in: from, O_RDONLY))
                try give(file, mode: found.st_mode & 0o777)
            case S_IFLNK:
                var text = [CChar](repeating: 0, count: 4096)
                try File.check("readlink", name) { readlinkat(source, name, &text, 4095) }
                try File.check("symlink", name) { symlinkat(text, place, name) }
                try File.check("chown", name) { fchownat(place, name, uid, gid, AT_SYMLINK_NOFOLLOW) }
            default: continue
            }
        }
    }

    private func give(_ file: borrowing File, mode: mode_t = 0o700) throws(SystemError) {
        let descriptor = file.descriptor
        try File.check("chmod", file.path) { fchmod(descriptor, mode) }
        try File.check("chown", file.path) { fchown(descriptor, uid, gid) }
    }
}

import CLinux
import Glibc
import Spool

/// Finds a folder with the rights of the calling process, and with a look at every link on the way: it is followed only
/// where the user or root made it.
struct FolderWalk {
    let uid: UInt32
    let createsFolder: Bool

    /// As many as Linux itself follows.
    private static let mostLinks = 40

    /// Opens `components` below an open folder; `name` is for messages.
    func open(_ components: [String], below base: borrowing File, name: String) throws(PlacementFailure) -> File {
        let whole = components.isEmpty ? "." : components.joined(separator: "/")
        let flags = O_RDONLY | O_DIRECTORY
        let resolve = estiba_resolve_no_symlinks | estiba_resolve_no_magiclinks
        let fast = estiba_openat2(base.descriptor, whole, flags, 0, resolve)
        if fast >= 0 { return File(adopting: fast, path: name) }
        let reason = errno
        guard reason == ELOOP || reason == ENOSYS || reason == ENOENT && createsFolder else {
            throw PlacementFailure(SystemError("open", errno: reason), name)
        }
        do throws(SystemError) { return try walk(components, below: base) } catch {
            throw PlacementFailure(error, name)
        }
    }

    private func walk(_ components: [String], below base: borrowing File) throws(SystemError) -> File {
        var rest = Array(components.reversed())
        var links = 0
        var here = try File(".", in: base, O_RDONLY | O_DIRECTORY)
        while let component = rest.popLast() {
            let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
            var next = openat(here.descriptor, component, flags | O_CLOEXEC)
            if next < 0, errno == ENOENT, createsFolder {
                try File.check("mkdir", component) { mkdirat(here.descriptor, component, 0o777) }
                next = openat(here.descriptor, component, flags | O_CLOEXEC)
            }
            if next >= 0 {
                here = File(adopting: next)
                continue
            }
            // A link shows as ENOTDIR or ELOOP, depending on the kernel.
            guard errno == ENOTDIR || errno == ELOOP else { throw SystemError.last("open", component) }
            links += 1
            guard links <= Self.mostLinks else { throw SystemError("open", component, errno: ELOOP) }
            let target = try link(component, in: here)
            if target.hasPrefix("/") { here = try File("/", O_RDONLY | O_DIRECTORY) }
            rest += target.split(separator: "/").filter { $0 != "." }.map(String.init).reversed()
        }
        return here
    }

    /// What a link says, where it may be followed; ENOTDIR for what is no link at all.
    private func link(_ name: String, in folder: borrowing File) throws(SystemError) -> String {
        let place = folder.descriptor
        // The link itself is held open, so that what is judged is what is read.
        let held = File(adopting: try File.check("open", name) { estiba_open_link(place, name) }, path: name)
        let status = try held.status()
        guard status.st_mode & S_IFMT == S_IFLNK else { throw SystemError("open", name, errno: ENOTDIR) }
        guard status.st_uid == uid || status.st_uid == 0 else { throw SystemError("open", name, errno: ELOOP) }
        var text = [UInt8](repeating: 0, count: 4096)
        let count = try File.check("readlink", name) { estiba_read_link(held.descriptor, &text, text.count) }
        return String(decoding: text.prefix(Int(count)), as: UTF8.self)
    }
}

import CLinux
import Glibc
import Spool

/// Unpacks a tar archive into an open folder, out of which nothing in it leads: no `..`, no absolute name, no link is
/// followed on the way. Of the modes setuid, setgid and sticky are dropped.
struct Unpacking: ~Copyable {
    private static let permissions: UInt32 = 0o777

    private let root: File
    /// The folder the last member lay in, which most often is that of the next one.
    private var here: File
    private var hereComponents: [String] = []
    /// Given at the end, when nothing more is made in them.
    private var modes: [(components: [String], mode: UInt32)] = [([], 0o755)]

    init(into folder: consuming File) throws(SystemError) {
        here = try File(".", in: folder, O_RDONLY | O_DIRECTORY)
        root = folder
    }

    /// All of it is on the disk when this returns.
    mutating func unpack(_ archive: borrowing File) throws(PlacementFailure) {
        var reader = TarReader()
        while let entry = try reader.next(in: archive) {
            guard let components = TarEntry.components(entry.path) else {
                throw TarReader.bad("\(entry.path) leads out of it")
            }
            do throws(SystemError) {
                try place(entry, components, archive)
            } catch {
                throw Self.failure(error, entry.path)
            }
        }
        do throws(SystemError) {
            // The deepest first: after that one above may not be entered any more.
            for (components, mode) in modes.sorted(by: { $0.components.count > $1.components.count }) {
                try enter(components, makes: false)
                let descriptor = here.descriptor
                try File.check("chmod") { fchmod(descriptor, mode_t(mode & Self.permissions)) }
            }
            let descriptor = root.descriptor
            try File.check("syncfs") { estiba_synchronise_all(descriptor) }
        } catch {
            throw Self.failure(error, "its folders")
        }
    }

    private mutating func place(
        _ entry: TarEntry, _ components: [String], _ archive: borrowing File
    ) throws(SystemError) {
        if entry.kind == .folder {
            try enter(components, makes: true)
            modes.append((components, entry.mode))
            return
        }
        guard let name = components.last else { throw SystemError("name", errno: EISDIR) }
        if case .hardLink(let other) = entry.kind { return try link(other, as: name, in: components.dropLast()) }
        try enter(Array(components.dropLast()), makes: true)
        let place = here.descriptor
        switch entry.kind {
        case .file: try fill(name, entry, archive)
        case .symbolicLink(let target): try replacing(name) { symlinkat(target, place, name) }
        case .folder, .hardLink, .other: throw SystemError("kind", errno: ENODEV)
        }
    }

    private func fill(_ name: String, _ entry: TarEntry, _ archive: borrowing File) throws(SystemError) {
        let place = here.descriptor
        let descriptor = try replacing(name) {
            openat(place, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        }
        let file = File(adopting: descriptor, path: name)
        guard try file.append(from: archive, at: entry.offset, count: entry.size) == entry.size else {
            throw SystemError("read", errno: ENODATA)
        }
        try File.check("chmod", name) { fchmod(descriptor, mode_t(entry.mode & Self.permissions)) }
    }

    /// To a file that is unpacked already.
    private mutating func link(
        _ path: String, as name: String, in components: ArraySlice<String>
    ) throws(SystemError) {
        guard let target = TarEntry.components(path), let targetName = target.last else {
            throw SystemError("link", errno: EXDEV)
        }
        try enter(Array(target.dropLast()), makes: false)
        guard try Found(targetName, in: here)?.isFile == true else { throw SystemError("link", errno: ENOENT) }
        let from = try File(".", in: here, O_RDONLY | O_DIRECTORY)
        try enter(Array(components), makes: true)
        let place = here.descriptor
        try replacing(name) { linkat(from.descriptor, targetName, place, name, 0) }
    }

    /// A later member of a name takes the place of an earlier one, as tar does it; a folder stays.
    @discardableResult
    private func replacing(_ name: String, _ body: () -> Int32) throws(SystemError) -> Int32 {
        do throws(SystemError) {
            return try File.check("make", name, body)
        } catch {
            guard error.errno == EEXIST, unlinkat(here.descriptor, name, 0) == 0 else { throw error }
            return try File.check("make", name, body)
        }
    }

    /// Goes to a folder below the root; what is missing on the way is made.
    private mutating func enter(_ components: [String], makes: Bool) throws(SystemError) {
        if components == hereComponents { return }
        let path = components.isEmpty ? "." : components.joined(separator: "/")
        let resolve = estiba_resolve_beneath | estiba_resolve_no_symlinks
        let found = estiba_openat2(root.descriptor, path, O_RDONLY | O_DIRECTORY, 0, resolve)
        if found >= 0 {
            here = File(adopting: found, path: path)
        } else {
            guard errno == ENOENT && makes || errno == ENOSYS else { throw SystemError.last("open", path) }
            here = try walk(components, makes: makes)
        }
        hereComponents = components
    }

    private func walk(_ components: [String], makes: Bool) throws(SystemError) -> File {
        var here = try File(".", in: root, O_RDONLY | O_DIRECTORY)
        for component in components {
            let place = here.descriptor
            if makes, mkdirat(place, component, 0o755) != 0, errno != EEXIST {
                throw SystemError.last("mkdir", component)
            }
            here = try File.folder(component, in: here)
        }
        return here
    }

    /// What is the archive's fault, and what the place's.
    private static func failure(_ error: SystemError, _ path: String) -> PlacementFailure {
        switch error.errno {
        case ENODEV: TarReader.bad("\(path) is neither a file nor a folder nor a link")
        case ENODATA: TarReader.bad("it ends in the middle of \(path)")
        case EXDEV, ENOENT: TarReader.bad("\(path) is a link to what is not in it")
        case ELOOP, ENOTDIR, EEXIST, EISDIR: TarReader.bad("\(path) cannot lie where another member is")
        default: PlacementFailure(error, path)
        }
    }
}

import Glibc
import Spool

/// What files took the place of, kept beside them for a rollback: `.estiba-previous/<run>/<name>/`, in it `was` (nothing had
/// the name where it is missing) and `placed`, which says what took its place. The user's own, mode 0700.
struct PreviousFolder: ~Copyable {
    static let name = ".estiba-previous"
    static let was = "was"
    private static let placed = "placed"
    /// For each name; older ones go.
    private static let most = 3

    private let folder: File

    /// Where another user has one in the same folder, this user's has the uid in its name. Nil where there is none and none is
    /// to be made.
    static func open(in place: borrowing File, uid: UInt32, makes: Bool) throws(SystemError) -> PreviousFolder? {
        for name in [name, "\(name)-\(uid)"] {
            let descriptor = place.descriptor
            if makes, mkdirat(descriptor, name, 0o700) != 0, errno != EEXIST { throw SystemError.last("mkdir", name) }
            guard let found = try Found(name, in: place) else { continue }
            if found.isFolder, found.uid == uid, found.permissions & 0o077 == 0 {
                return PreviousFolder(folder: try File.folder(name, in: place))
            }
        }
        guard makes else { return nil }
        throw SystemError("open", name, errno: EACCES)
    }

    /// What one run kept under a name.
    func slot(_ run: String, _ name: String) throws(SystemError) -> File? {
        do throws(SystemError) {
            return try File.folder(name, in: try File.folder(run, in: folder))
        } catch {
            if error.isMissing { return nil }
            throw error
        }
    }

    /// What had taken the place, as it was then; nil where nothing had.
    static func placed(in slot: borrowing File) throws(SystemError) -> Identity? {
        let text = try File(placed, in: slot, O_RDONLY | O_NOFOLLOW).bytes(at: 0, count: 200)
        return Identity(text: String(decoding: text, as: UTF8.self).trimmingSuffix("\n"))
    }

    /// Takes what lies under a hidden name beside this folder, or that nothing does, and forgets the oldest of that name.
    func keep(
        _ hidden: String, of place: borrowing File, run: String, name: String, placed: Identity?
    ) throws(SystemError) {
        try make(run, in: folder)
        let runFolder = try File.folder(run, in: folder)
        try make(name, in: runFolder)
        let slot = try File.folder(name, in: runFolder)
        if try Found(hidden, in: place) != nil, try Found(Self.was, in: slot) == nil {
            try File.check("rename", hidden) { renameat(place.descriptor, hidden, slot.descriptor, Self.was) }
        }
        let note = try File(Self.placed, in: slot, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW)
        try note.write(Array("\(placed?.text ?? "nothing")\n".utf8))
        try note.synchronise()
        try slot.synchronise()
        try runFolder.synchronise()
        try folder.synchronise()
        try forgetOldest(of: name)
    }

    func forget(_ run: String, _ name: String) {
        guard let runFolder = try? File.folder(run, in: folder) else { return }
        FolderRemoval.remove(name, in: runFolder)
        unlinkat(folder.descriptor, run, AT_REMOVEDIR)
    }

    private func forgetOldest(of name: String) throws(SystemError) {
        var kept: [(run: String, since: UInt64)] = []
        for run in try File.names(in: folder) {
            guard let slot = try? slot(run, name), let found = try? Found(Self.placed, in: slot) else { continue }
            kept.append((run, found.identity.modified))
        }
        for (run, _) in kept.sorted(by: { $0.since > $1.since }).dropFirst(Self.most) { forget(run, name) }
    }

    private func make(_ name: String, in place: borrowing File) throws(SystemError) {
        if mkdirat(place.descriptor, name, 0o700) != 0, errno != EEXIST { throw SystemError.last("mkdir", name) }
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: Character) -> Substring { last == suffix ? dropLast() : self[...] }
}

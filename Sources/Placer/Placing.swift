import CLinux
import Glibc
import Spool

/// Puts what is ordered under a name of an open folder: there whole or not at all, and after a crash at whatever moment
/// done to its end or begun anew by the next placer, which finds the same hidden names and the note.
struct Placing: ~Copyable {
    let target: Placement.Target
    /// For messages.
    let folderName: String
    let uid: UInt32
    let note: Note

    func carryOut(_ source: borrowing File, in folder: borrowing File) throws(PlacementFailure) {
        let attempt = try system { () throws(SystemError) in try note.read() }
        if try system({ () throws(SystemError) in try isDone(attempt, in: folder) }) { return try finish(in: folder) }
        try system { () throws(SystemError) in try undo(attempt, in: folder) }
        guard !target.cleans else { return }
        if target.keepsPrevious {
            try system { () throws(SystemError) in _ = try PreviousFolder.open(in: folder, uid: uid, makes: true) }
        }
        do throws(PlacementFailure) {
            switch target.content {
            case .file: try placeFile(source, in: folder)
            case .tree: try placeTree(source, in: folder)
            case .kept(let run): try restore(run, in: folder)
            }
        } catch {
            // What is noted does not have the name, or this would not have failed.
            try? undo(try? note.read(), in: folder)
            throw error
        }
        try finish(in: folder)
    }

    var renaming: Renaming {
        Renaming(
            hidden: hidden, name: target.name, overwrites: target.overwrites,
            leavesOld: target.keepsPrevious || target.content != .file)
    }

    /// What is not in its place yet, or not any more. Of one run's placement, so that the next placer knows it.
    var hidden: String { ".estiba-\(target.run).\(target.number)" }

    // MARK: A crash before

    private func isDone(_ attempt: Note.Entry?, in folder: borrowing File) throws(SystemError) -> Bool {
        switch attempt {
        case .placing(let identity): try Identity(target.name, in: folder) == identity
        case .removing(let identity): try Identity(target.name, in: folder) != identity
        case nil: false
        }
    }

    /// Removes what lies under the hidden name; but what was kept goes back to where it was kept.
    private func undo(_ attempt: Note.Entry?, in folder: borrowing File) throws(SystemError) {
        try renaming.settle(isDone: false, in: folder)
        if case .kept(let run) = target.content, case .placing(let identity) = attempt,
            try Identity(hidden, in: folder) == identity,
            let slot = try PreviousFolder.open(in: folder, uid: uid, makes: false)?.slot(run, target.name)
        {
            try File.check("rename", hidden) {
                renameat(folder.descriptor, hidden, slot.descriptor, PreviousFolder.was)
            }
        }
        FolderRemoval.remove(hidden, in: folder)
    }

    /// It is in its place: what it took the place of is kept or goes.
    private func finish(in folder: borrowing File) throws(PlacementFailure) {
        try system { () throws(SystemError) in
            try renaming.settle(isDone: true, in: folder)
            if target.keepsPrevious {
                let placed = try Identity(target.name, in: folder)
                try PreviousFolder.open(in: folder, uid: uid, makes: true)?
                    .keep(hidden, of: folder, run: target.run, name: target.name, placed: placed)
            }
            FolderRemoval.remove(hidden, in: folder)
            if case .kept(let run) = target.content {
                try PreviousFolder.open(in: folder, uid: uid, makes: false)?.forget(run, target.name)
            }
            try folder.synchronise()
        }
    }

    // MARK: For the three kinds

    /// Refuses what is there and may not be replaced; without opening it, so that a FIFO or a device does nothing.
    func judge(_ found: Found, isFit: Bool) throws(PlacementFailure) {
        guard isFit else {
            let kind = target.content == .tree ? "folder" : "file"
            throw PlacementFailure(.notAFile, "What is called \(target.name) in \(folderName) is not a \(kind).")
        }
        guard target.overwrites else {
            let kind = found.isFolder ? "folder" : "file"
            throw PlacementFailure(
                .exists, "There is a \(kind) \(target.name) in \(folderName) already, and it is not to be overwritten.")
        }
    }

    func system<Value: ~Copyable>(_ body: () throws(SystemError) -> Value) throws(PlacementFailure) -> Value {
        do throws(SystemError) { return try body() } catch { throw PlacementFailure(error, folderName) }
    }
}

import CLinux
import Glibc
import Spool

/// What `estiba-placer` does: makes a missing home as root, becomes the user, places the file.
package enum Placer {
    /// Where the bytes are open, and the note.
    private static let source: Int32 = 3
    private static let note: Int32 = 4

    /// Reads the request from stdin, answers on stdout, and ends.
    package static func main() -> Never {
        umask(0o022)
        let answer: Placed
        do throws(PlacementFailure) {
            answer = .done(folder: try carryOut(try request()))
        } catch {
            answer = .refused(error)
        }
        try? File(adopting: 1).write(answer.bytes)
        exit(0)
    }

    private static func request() throws(PlacementFailure) -> Placement {
        let input = File(adopting: 0)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let got = read(input.descriptor, &buffer, buffer.count)
            if got <= 0 { break }
            bytes += buffer.prefix(got)
        }
        guard let placement = try? Placement(bytes) else {
            throw PlacementFailure(.internal, "The placer does not understand what it is asked.")
        }
        return placement
    }

    /// Returns the absolute folder that was used.
    private static func carryOut(_ placement: Placement) throws(PlacementFailure) -> String {
        // Judged before anything is touched.
        let path = try FolderPath(placement.target?.folder ?? "")
        if let target = placement.target { try FileName.check(target.name) }
        try HomeFolder(home: placement.home, uid: placement.uid, gid: placement.gid).prepare()
        try become(placement)
        guard let target = placement.target else { return placement.home.path }
        // What is put back was prepared for when it came.
        if let preparation = placement.preparation, target.content == .file, !target.cleans {
            let preparing = Preparing(preparation: preparation, name: target.name, home: placement.home.path)
            // The descriptor stays open for the placing.
            try preparing.prepare(File(adopting: dup(source)))
        }
        let name = path.absolute(home: placement.home.path)
        let base = try base(path, home: placement.home.path)
        let walk = FolderWalk(uid: placement.uid, createsFolder: target.createsFolder)
        let folder = try walk.open(path.components, below: base, name: name)
        let placing = Placing(target: target, folderName: name, uid: placement.uid, note: try openNote())
        try placing.carryOut(File(adopting: source), in: folder)
        return name
    }

    private static func openNote() throws(PlacementFailure) -> Note {
        do throws(SystemError) { return try Note(adopting: note) } catch { throw PlacementFailure(error, "its note") }
    }

    private static func become(_ placement: Placement) throws(PlacementFailure) {
        var step: UnsafePointer<CChar>?
        let groups = placement.groups
        guard estiba_become(placement.uid, placement.gid, groups, groups.count, &step) == 0 else {
            let reason = SystemError.last(step.map { String(cString: $0) } ?? "")
            throw PlacementFailure(.internal, "The user's identity could not be taken on (\(reason)).")
        }
    }

    /// Links on the way to the home itself are the account database's, and followed.
    private static func base(_ path: FolderPath, home: String) throws(PlacementFailure) -> File {
        let place = path.isRelativeToHome ? home : "/"
        do throws(SystemError) {
            return try File(place, O_RDONLY | O_DIRECTORY)
        } catch {
            throw PlacementFailure(error, place)
        }
    }
}

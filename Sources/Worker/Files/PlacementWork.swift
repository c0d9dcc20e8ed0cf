import Glibc
import Messages
import Placer
import Spool
import Supervisor
import SwiftProtobuf

/// Places one file of an order as the user. A chore: blocks until the placer has answered.
struct PlacementWork: Sendable {
    let program: String
    let account: Account
    let home: Placement.Home
    let execution: ExecutionID
    let node: NodeName
    let file: WireFile
    /// Its place in the order.
    let number: Int
    /// The verified bytes, where there are some.
    let bytes: String?
    /// Where the placer notes what it is about to do. There until the run's last state is on the disk, so that whatever
    /// worker takes it up can go on.
    let note: String
    /// What the file's profile makes of it.
    let use: ProfileUse?
    /// Raised where the run is to be stopped.
    let unwanted: Flag

    /// A placer that is slower than 1 MB/s after this long is held up by the user it has become.
    private static let patienceSeconds: UInt64 = 60
    private static let cleaningPatience = Duration.seconds(10)

    /// The absolute folder the file is in now.
    func place() -> Result<String, Failure> {
        do throws(SystemError) {
            let source = try bytes.map { path throws(SystemError) in Source(try File(path)) }
            let note = try File(note, O_RDWR | O_CREAT)
            guard let placement = placement(cleans: false) else {
                let name = use?.profile.account ?? ""
                return .failure(Failure(.noSuchUser, "there is no user \(name) here, whose this file would become"))
            }
            let placer = try PlacerProcess(
                program, placement, bytes: source?.file.descriptor, note: note.descriptor)
            let preparing = UInt64(placement.preparation?.beforeSeconds ?? 0)
            let placed = placer.finish(
                within: .seconds(Self.patienceSeconds + preparing + file.size / 1_000_000), unless: unwanted.isRaised,
                cutOff: Self.endAll)
            if placed == nil { clean() }
            return placed.result
        } catch {
            return .failure(Failure(.internal, "the file could not be placed: \(error)"))
        }
    }

    /// Ends a placer with all that it has started; it is stopped first, so that what it started stays below it.
    static func endAll(_ placer: Int32) {
        kill(placer, SIGSTOP)
        Descendants(root: placer).killAll()
        kill(placer, SIGKILL)
    }

    /// Sees to what a placer left that did not come to its end; does nothing where none was begun.
    func clean() {
        guard let note = try? File(note, O_RDWR), let placement = placement(cleans: true),
            let placer = try? PlacerProcess(program, placement, bytes: nil, note: note.descriptor)
        else { return }
        if placer.finish(within: Self.cleaningPatience) != nil { unlink(self.note) }
    }

    /// It came to its end, and so did the run.
    func forget() { unlink(note) }

    /// Nil where the account that its profile names is not here.
    private func placement(cleans: Bool) -> Placement? {
        guard let (owner, home) = owner else { return nil }
        var target = Placement.Target(
            folder: use?.profile.folder ?? file.folder, name: file.name, mode: file.mode, overwrites: file.overwrite,
            createsFolder: file.createFolder && !cleans, run: "\(execution).\(node)", number: number)
        target.keepsPrevious = file.keepPrevious
        target.cleans = cleans
        if file.tree { target.content = .tree }
        if let kept = ExecutionID(bytes: [UInt8](file.restore)) { target.content = .kept(run: "\(kept).\(node)") }
        var placement = Placement(owner, home: home, target: target)
        placement.preparation = use.map { use in
            use.preparation(Launch(node: node, execution: execution, account: owner, home: home.path, placed: nil))
        }
        return placement
    }

    /// The user, or the account that the profile names instead; that one's places are absolute.
    private var owner: (Account, Placement.Home)? {
        guard let name = use?.profile.account else { return (account, home) }
        guard let other = Account.named(name), other.uid != 0 else { return nil }
        return (other, Placement.Home("/", missing: .refuse))
    }
}

/// An open file that an optional can hold.
private final class Source {
    let file: File
    init(_ file: consuming File) { self.file = file }
}

extension Placement {
    init(_ account: Account, home: Home, target: Target?) {
        self.init(uid: account.uid, gid: account.gid, groups: account.groups, home: home, target: target)
    }
}

extension Placed? {
    /// The folder, or why not.
    var result: Result<String, Failure> {
        switch self {
        case .done(let folder): .success(folder)
        case .refused(let failure):
            .failure(Failure(Failure.Code(rawValue: failure.code.rawValue) ?? .internal, failure.sentence))
        case nil:
            .failure(Failure(.internal, "the placer ended without an answer, or was held up; deploy the file again"))
        }
    }
}

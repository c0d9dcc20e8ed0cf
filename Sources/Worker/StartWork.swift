import Glibc
import Messages
import Placer
import Spool
import Supervisor

/// Places one file as the user. A chore: blocks until the placer has answered.
struct PlacementWork: Sendable {
    let program: String
    let account: Account
    let home: Placement.Home
    let file: WireFile
    /// The verified bytes.
    let bytes: String

    /// The absolute folder the file is in now.
    func place() -> Result<String, Failure> {
        let target = Placement.Target(
            folder: file.folder, name: file.name, mode: file.mode, overwrites: file.overwrite,
            createsFolder: file.createFolder)
        do throws(SystemError) {
            let source = try File(bytes)
            return try account.place(
                target, home: home, program: program, bytes: source.descriptor, size: file.size)
        } catch {
            return .failure(Failure(.internal, "the file could not be placed: \(error)"))
        }
    }
}

/// Starts a run's supervisor: sees to the home, writes the plan (the intent to start), then starts. A chore.
struct StartWork: Sendable {
    let supervisor: String
    let placer: String
    let account: Account
    let home: Placement.Home
    let plan: Plan
    let folder: RunFolder

    /// The supervisor's pid and the line to it.
    func start() -> Result<(pid: pid_t, line: Int32), Failure> {
        do throws(SystemError) {
            if access(home.path, F_OK) != 0 {
                let made = try account.place(nil, home: home, program: placer, bytes: nil, size: 0)
                if case .failure(let failure) = made { return .failure(failure) }
            }
            try plan.write(to: folder)
            return .success(try folder.startSupervisor(supervisor))
        } catch {
            return .failure(Failure(.internal, "\(plan.node) could not start the command: \(error)"))
        }
    }
}

extension Account {
    /// A placer that is slower than 1 MB/s after this long is held up by the user it has become.
    private static let patienceSeconds: UInt64 = 60

    fileprivate func place(
        _ target: Placement.Target?, home: Placement.Home, program: String, bytes: Int32?, size: UInt64
    ) throws(SystemError) -> Result<String, Failure> {
        let placement = Placement(uid: uid, gid: gid, groups: groups, home: home, target: target)
        let patience = Duration.seconds(Self.patienceSeconds + size / 1_000_000)
        switch try PlacerProcess(program, placement, bytes: bytes).finish(within: patience) {
        case .done(let folder): return .success(folder)
        case .refused(let failure):
            return .failure(Failure(Failure.Code(rawValue: failure.code.rawValue) ?? .internal, failure.sentence))
        }
    }

    /// Stands in where only the order's word is left of an account, for sentences.
    static func unknown(_ order: WireOrder) -> Account {
        Account(name: order.user, uid: order.uid, gid: 0, groups: [], home: "", shell: "the login shell")
    }
}

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
    /// What the file's profile makes of it.
    let use: ProfileUse?
    let execution: ExecutionID

    /// The absolute folder the file is in now.
    func place() -> Result<String, Failure> {
        guard let (owner, home) = owner else {
            let name = use?.profile.account ?? ""
            return .failure(Failure(.noSuchUser, "there is no user \(name) here, whose this file would become"))
        }
        let target = Placement.Target(
            folder: use?.profile.folder ?? file.folder, name: file.name, mode: file.mode, overwrites: file.overwrite,
            createsFolder: file.createFolder)
        do throws(SystemError) {
            let source = try File(bytes)
            return try owner.place(
                target, home: home, program: program, bytes: source.descriptor, size: file.size,
                preparation: preparation(owner, home))
        } catch {
            return .failure(Failure(.internal, "the file could not be placed: \(error)"))
        }
    }

    /// The user, or the account that the profile names instead; that one's places are absolute.
    private var owner: (Account, Placement.Home)? {
        guard let name = use?.profile.account else { return (account, home) }
        guard let other = Account.named(name), other.uid != 0 else { return nil }
        return (other, Placement.Home("/", missing: .refuse))
    }

    private func preparation(_ owner: Account, _ home: Placement.Home) -> Preparation? {
        use.map { use in
            use.preparation(
                Launch(node: use.node, execution: execution, account: owner, home: home.path, placed: nil))
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
        _ target: Placement.Target?, home: Placement.Home, program: String, bytes: Int32?, size: UInt64,
        preparation: Preparation? = nil
    ) throws(SystemError) -> Result<String, Failure> {
        var placement = Placement(uid: uid, gid: gid, groups: groups, home: home, target: target)
        placement.preparation = preparation
        let preparing = preparation.map { UInt64($0.beforeSeconds) } ?? 0
        let patience = Duration.seconds(Self.patienceSeconds + preparing + size / 1_000_000)
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

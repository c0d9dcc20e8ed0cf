import Bus
import Logging
import Messages
import PAM
import Spool
import Supervisor
import SwiftProtobuf
import ZeroMQ

/// What every run on this node shares: who the node is, its disk, its threads, its way to the bus. Lives on the loop.
final class Site {
    let node: NodeName
    let keys: NodeKeys
    let settings: WorkerSettings
    let loop: PollLoop
    let store: RunStore
    let chores = Chores()
    /// For what a user's own processes or file systems can hold up.
    let userChores = Chores(threads: 16, share: 4)
    /// For what looks through the disk: nobody waits for it.
    let sweeps = Chores(threads: 1)
    let remembered: Remembered
    /// As the last sweep counted them.
    var runFolders = 0
    let accounts: AccountCheck
    let cgroups: CgroupRoot
    /// What earlier deployments left for later ones.
    var cache: Cache
    let cacheFolder: CacheFolder
    /// Chunks that each order waits for.
    var inFlight: [ExecutionID: Int] = [:]
    var profiles: Profiles
    let services: ServiceKeeper
    /// Set once, when the loop is filled.
    var link: Link?
    var clocks = OwnerClocks()
    var revocations = Revocations()
    let revocationsFile: RevocationsFile
    /// Who listens where: nothing is read from a spool that nobody would get.
    var interest = Interest()
    private(set) var outbox = Outbox()
    private var sequence: UInt64
    private var gathering: ZeroMQ.Timer?
    private let isRoot: Bool

    init(
        _ settings: WorkerSettings, keys: NodeKeys, store: RunStore, cache: (Cache, CacheFolder), isRoot: Bool,
        profiles: Profiles, log: Logger,
        on loop: PollLoop
    ) throws(SystemError) {
        self.settings = settings
        self.keys = keys
        self.loop = loop
        self.store = store
        (self.cache, cacheFolder) = cache
        self.isRoot = isRoot
        remembered = try Remembered(data: settings.data, at: WallClock.milliseconds)
        if remembered.damaged > 0 {
            log.error("remembered runs damaged", metadata: ["records": "\(remembered.damaged)"])
        }
        revocationsFile = RevocationsFile(data: settings.data)
        self.profiles = profiles
        services = ServiceKeeper(
            node: settings.name, data: settings.data, avahi: settings.avahi, on: loop, chores: chores, log: log)
        node = settings.name
        accounts = AccountCheck(
            node: settings.name, policy: settings.policy, service: isRoot ? settings.pamService : nil)
        cgroups = CgroupRoot(node: settings.name.description)
        sequence = try store.nextEpoch(data: settings.data) << 32
    }

    /// How PAM sessions are opened for commands; none without root.
    var session: Plan.Session? {
        guard isRoot, settings.opensSessions else { return nil }
        return Plan.Session(service: settings.pamService.name, configuration: settings.pamService.folder ?? "")
    }

    /// Unix milliseconds by that gateway's clock; by the node's own before it has said its time.
    func milliseconds(of gateway: Principal) -> Int64 {
        clocks.estimate(of: gateway, at: loop.now) ?? WallClock.milliseconds
    }

    /// Numbers a report and dates it by the clock of who gets it.
    func stamp(_ report: inout WireReport, for gateway: Principal) {
        sequence += 1
        report.sequence = sequence
        report.timeMilliseconds = milliseconds(of: gateway)
    }

    /// Sends a report until the owner has acknowledged it or a newer one of the run takes its place.
    func say(_ report: WireReport, of execution: ExecutionID, to owner: Principal) {
        outbox.put(report, of: execution, to: owner, at: loop.now)
        sendDue()
        guard !report.terminal, gathering == nil else { return }
        gathering = loop.after(Outbox.gathering) { [weak self] in
            self?.gathering = nil
            self?.sendDue()
        }
    }

    func sendDue() {
        for (execution, report, owner) in outbox.due(at: loop.now) {
            guard let body: [UInt8] = try? report.serializedBytes() else { continue }
            send(Header(.report, execution, sequence: report.sequence), body, to: owner)
        }
    }

    func acknowledged(_ sequence: UInt64, of execution: ExecutionID) -> Bool {
        outbox.acknowledged(sequence, of: execution)
    }

    /// The most chunks the whole node waits for: the broker queues 32 messages for a peer and no more.
    private static let mostInFlight = 24
    private static let reserve = 6

    /// How many more chunks an order may ask for: what the others leave, and one at least while there is any room.
    func room(for execution: ExecutionID, inFlight own: Int) -> Int {
        let all = inFlight.reduce(own) { $0 + ($1.key == execution ? 0 : $1.value) }
        if all < Self.mostInFlight { return Self.mostInFlight - all }
        return own == 0 && all < Self.mostInFlight + Self.reserve ? 1 : 0
    }

    /// Nothing more is to be said of a run.
    func forget(_ execution: ExecutionID) { outbox.forget(execution) }

    func hurry() { outbox.hurry(at: loop.now) }

    /// Sends a tagged message to a gateway.
    func send(_ header: Header, _ body: [UInt8], to gateway: Principal) {
        let tag = Tags.report(header: header.bytes, node: node, body: body, keys: keys)
        link?.send(.commands, to: gateway, header, body: body, tag: tag)
    }
}

import Bus
import Glibc
import Logging
import Messages
import Spool
import Supervisor
import SwiftProtobuf
import ZeroMQ

/// One run on this node: carries out what `Run` decides. On the loop; what blocks is done by chores that post back.
final class RunKeeper {
    let execution: ExecutionID
    let order: WireOrder
    /// The order's owner, or the gateway that has taken the execution over.
    var owner: Principal
    private(set) var ownership: Ownership?
    /// Gateways besides the owner that had the run stopped, its owner being away: they hear its last word too.
    var witnesses: Set<Principal> = []
    let site: Site
    let log: Logger
    var run: Run
    var account: Account?
    var placedFolder: String?
    var fetcher: Fetcher?
    /// Files whose placers have ended.
    var answered: Set<Int> = []
    var pump: OutputPump?
    /// What the supervisor said last, where it has not been asked for more since.
    var knownLength: UInt64?
    /// When the supervisor may be asked again, and whether that is seen to.
    var nextAsking: ContinuousClock.Instant?
    var isAskingLater = false
    var line: SupervisorLine?
    var exit: ExitRecord?
    /// What of a run whose supervisor was killed still lived after all had been done against it.
    var remaining: UInt32 = 0
    /// How soon a stop is to be enforced, from when one was asked for.
    var stopGrace: UInt64?
    /// What a chore is at for this run is not wanted any more.
    let unwanted = Flag()
    var word = LastWord()
    /// The owner is not heard any more.
    var isGivenUp = false
    /// There is no folder of this run: the disk had no room for it.
    var isUnkept = false
    var pid: pid_t?

    init(_ execution: ExecutionID, _ order: WireOrder, run: Run, site: Site, log: Logger) {
        self.execution = execution
        self.order = order
        self.run = run
        self.site = site
        self.log = log
        owner = Principal(order.owner) ?? Principal(.gateway, "unknown")
    }

    var isEnded: Bool { run.isEnded }
    /// Nothing is owed to anybody any more: the last state is acknowledged and the output copied.
    var isSettled: Bool {
        run.isEnded && (isGivenUp || word.isAcknowledged && (pump?.flow.isAllCopied ?? true))
    }

    // MARK: What comes in

    /// Of the taking over that counts; 0 before any.
    var term: UInt64 { ownership?.term ?? 0 }

    /// What is owed from now on is owed to this gateway, and said to it at once.
    func belongs(to ownership: Ownership) {
        guard ownership.term >= term else { return }
        self.ownership = ownership
        owner = ownership.owner
        fetcher?.owner = owner
        pump?.owner = owner
        repeatState()
    }

    /// A gateway had the run stopped.
    func hear(_ gateway: Principal) {
        if gateway != owner { witnesses.insert(gateway) }
    }

    func receive(_ event: Run.Event) {
        for effect in run.receive(event) { carryOut(effect) }
    }

    /// The order is on the disk (or what was wrong with its account); from here on it may be spoken of.
    func stored(_ result: Result<Account, Failure>) {
        switch result {
        case .success(let account):
            self.account = account
            receive(.stored)
        case .failure(let failure): receive(.refused(failure))
        }
    }

    /// Says again where the run stands: the order came once more, or the owner asks.
    func repeatState() {
        guard run.phase != .storing else { return }
        carryOut(word.again())
    }

    func reported(_ sequence: UInt64) {
        if site.acknowledged(sequence, of: execution) { word.acknowledged() }
    }

    func taken(_ taken: WireTaken) {
        guard let pump, pump.spool == taken.spool else { return }
        pump.taken(upTo: taken.position, window: taken.window)
        awaitMore()
    }

    func copied(_ copied: WireCopied) {
        guard let pump, pump.spool == copied.spool else { return }
        pump.copied(upTo: copied.position)
        line?.send(.copied(position: copied.position))
        awaitMore()
    }

    func replay(_ request: WireReplay, to gateway: Principal) -> Bool {
        guard let pump, pump.spool == request.spool else { return false }
        pump.replay(request, to: gateway)
        return true
    }

    func chunk(_ header: Header, _ body: [UInt8]) { fetcher?.arrived(header, body) }
    func chunkRefused(_ failure: Failure) { fetcher?.refused(failure) }

    func tick() {
        fetcher?.pump()
        line?.retry()
        pump?.tick()
        awaitMore()
    }
}

extension WireReport {
    /// What a run's exit record says besides its state.
    mutating func note(_ exit: ExitRecord) {
        finalLength = exit.finalLength
        leftOver = exit.leftOver
        remaining = exit.remaining
    }
}

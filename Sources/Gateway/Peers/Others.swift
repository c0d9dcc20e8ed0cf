import Bus
import Logging
import Messages
import SwiftProtobuf

/// The executions of other gateways: what their owners last told, kept in the journal, told on to readers here.
actor Others {
    /// Where one of the other gateways stands.
    struct Peer {
        /// Of the answer that came last.
        var heard: Duration?
        /// Unix milliseconds; nil while it is present.
        var awaySince: Int64?
    }

    /// What waits for the next transaction.
    struct Pending {
        var heads: [ExecutionID: (owner: Principal, head: WireExecutionHead)] = [:]
        var runs: Set<RunKey> = []
        var complete: Set<ExecutionID> = []
        var gone: Set<ExecutionID> = []

        var isEmpty: Bool { heads.isEmpty && runs.isEmpty && complete.isEmpty && gone.isEmpty }
    }

    /// Silence of another gateway after which it is away.
    static let silence = Duration.seconds(2)
    private static let writePeriod = Duration.milliseconds(200)
    /// Executions of others that are complete are shown for so long.
    static let keptMilliseconds: Int64 = 30 * 24 * 3_600_000
    private static let sweepPeriod = Duration.seconds(3600)

    let journal: Journal
    let nodes: NodeTable
    private let logger: Logger
    let startedMilliseconds = Moment.now().unixMilliseconds
    /// Those that are not complete, that are followed, or that wait for the journal.
    var known: [ExecutionID: Other] = [:]
    var peers: [Principal: Peer] = [:]
    var pending = Pending()
    /// Fires when the transaction that goes on is over.
    private var writing: Signal?
    var feeds: [ExecutionID: Feed<Int, RunView>] = [:]
    /// Told of without a head that is here: to be asked for.
    var lacking: [Principal: Set<ExecutionID>] = [:]
    /// By run, how far the copy of an open log here goes.
    var mirrored: [ExecutionID: [UInt64]] = [:]
    var completedMirrors: Set<ExecutionID> = []
    /// Words of nodes that wait to be looked at; what is beyond is said again.
    private let words: AsyncStream<(ExecutionID, NodeName, Dispatcher.Report)>
    nonisolated let wordsEnd: AsyncStream<(ExecutionID, NodeName, Dispatcher.Report)>.Continuation
    nonisolated let ownerFeed = Feed<Principal, PeerView>()
    /// Tells a user's readers of executions, without runs.
    var tell: @Sendable (String, [ExecutionView]) async -> Void = { _, _ in }

    init(journal: Journal, nodes: NodeTable, logger: Logger) {
        self.journal = journal
        self.nodes = nodes
        self.logger = logger
        (words, wordsEnd) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(10_000))
    }

    /// Takes up what the journal has; called once, before anything else.
    func resume(tell: @escaping @Sendable (String, [ExecutionView]) async -> Void) throws {
        self.tell = tell
        for other in try journal.unfinishedOthers() { known[other.head.id] = other }
    }

    // MARK: The other gateways

    /// One of them has answered; whether it was away before.
    @discardableResult
    func heard(_ peer: Principal) async -> Bool {
        let isBack = peers[peer]?.heard == nil || peers[peer]?.awaySince != nil
        peers[peer] = Peer(heard: Moment.now().steady, awaySince: nil)
        guard isBack else { return false }
        logger.info("gateway here", metadata: ["gateway": "\(peer)"])
        await tellPresence(of: peer)
        return true
    }

    /// One of them has not answered.
    func missed(_ peer: Principal) async {
        let now = Moment.now()
        let known = peers[peer] ?? Peer(heard: nil, awaySince: nil)
        guard known.awaySince == nil else { return }
        if let heard = known.heard, now.steady - heard < Self.silence { return }
        peers[peer] = Peer(
            heard: known.heard, awaySince: known.heard == nil ? startedMilliseconds : now.unixMilliseconds)
        logger.warning("gateway away", metadata: ["gateway": "\(peer)"])
        await tellPresence(of: peer)
    }

    func isPresent(_ peer: Principal) -> Bool { peers[peer].map { $0.heard != nil && $0.awaySince == nil } ?? false }

    func view(of peer: Principal) -> PeerView { PeerView(peer, awaySince: peers[peer]?.awaySince) }

    private func tellPresence(of peer: Principal) async {
        ownerFeed.publish([(peer, view(of: peer))])
        let views = known.values.filter { $0.owner == peer && !$0.isComplete }.map { view($0, withRuns: false) }
        for (user, views) in Dictionary(grouping: views, by: \.user) { await tell(user, views) }
    }

    /// Of a peer: the executions to ask for by name when catching up.
    func unfinished(of peer: Principal) -> [ExecutionID] {
        known.filter { $0.value.owner == peer && !$0.value.isComplete }.map(\.key) + (lacking[peer] ?? [])
    }

    func owners() -> [Principal] { peers.keys.sorted { $0.name < $1.name } }

    /// Of an owner, the user's executions that are not complete.
    func live(of owner: Principal, user: String) -> [Other] {
        known.values.filter { $0.owner == owner && $0.head.user == user && !$0.isComplete }
    }

    func lacksNothing(of peer: Principal) -> Bool { lacking[peer]?.isEmpty ?? true }

    // MARK: Writing

    /// Hears the nodes, and writes what waits now and again, until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { for await (id, node, report) in self.words { await self.witnessed(id, node, report) } }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: Self.writePeriod)
                    await self.write()
                }
            }
            group.addTask {
                while !Task.isCancelled {
                    let limit = Moment.now().unixMilliseconds - Self.keptMilliseconds
                    try? await self.journal.forgetOthers(before: limit)
                    try? await Task.sleep(for: Self.sweepPeriod)
                }
            }
        }
    }

    /// Returns when every execution that was told of is in the journal, where lists and requests are read.
    func settle() async {
        while let writing { await writing.wait() }
        if !pending.heads.isEmpty { await write() }
    }

    /// Brings what was told to the disk.
    func write() async {
        while let writing { await writing.wait() }
        guard !pending.isEmpty else { return }
        let over = Signal()
        writing = over
        await writePending()
        writing = nil
        over.fire()
    }

    private func writePending() async {
        let taken = pending
        pending = Pending()
        var changes: [Journal.OtherChange] = taken.gone.map { .gone($0) }
        changes += taken.heads.sorted { $0.value.head.number < $1.value.head.number }
            .map { .told($0.key, owner: $0.value.owner, $0.value.head) }
        for key in taken.runs {
            guard let other = known[key.execution] else { continue }
            changes.append(.run(key, other.execution.runs[key.run], copied: other.copied[key.run]))
        }
        changes += taken.complete.compactMap { id in known[id].map { .complete(id, logEnd: $0.logEnd) } }
        do {
            try await journal.write(others: changes)
        } catch {
            // All of it is told again at the next start; until then it is tried on.
            pending.heads.merge(taken.heads) { new, _ in new }
            pending.runs.formUnion(taken.runs)
            pending.complete.formUnion(taken.complete)
            pending.gone.formUnion(taken.gone)
            logger.error("journal cannot be written", metadata: ["reason": "\(error)"])
            return
        }
        for id in Set(taken.heads.keys).union(taken.complete) { letGo(id) }
    }

    /// What is complete, in the journal and not looked at need not be held in memory.
    func letGo(_ id: ExecutionID) {
        guard known[id]?.isComplete == true, feeds[id] == nil, mirrored[id] == nil, pending.heads[id] == nil,
            !pending.complete.contains(id)
        else { return }
        known[id] = nil
    }

    func close() async {
        await write()
        for feed in feeds.values { feed.close() }
        ownerFeed.close()
    }
}

/// Another gateway, for readers of its executions.
struct PeerView: Encodable, Sendable, Equatable {
    var owner: String
    var awaySince: Int64?

    init(_ owner: Principal, awaySince: Int64?) {
        self.owner = owner.name
        self.awaySince = awaySince
    }
}

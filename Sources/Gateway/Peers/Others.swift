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
    private struct Pending {
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
    private let startedMilliseconds = Moment.now().unixMilliseconds
    /// Those that are not complete, that are followed, or that wait for the journal.
    private(set) var known: [ExecutionID: Other] = [:]
    private(set) var peers: [Principal: Peer] = [:]
    private var pending = Pending()
    /// Fires when the transaction that goes on is over.
    private var writing: Signal?
    private var feeds: [ExecutionID: Feed<Int, RunView>] = [:]
    /// Told of without a head that is here: to be asked for.
    private var lacking: [Principal: Set<ExecutionID>] = [:]
    /// By run, how far the copy of an open log here goes.
    private var mirrored: [ExecutionID: [UInt64]] = [:]
    private var completedMirrors: Set<ExecutionID> = []
    /// Words of nodes that wait to be looked at; what is beyond is said again.
    private let words: AsyncStream<(ExecutionID, NodeName, Dispatcher.Report)>
    private nonisolated let wordsEnd: AsyncStream<(ExecutionID, NodeName, Dispatcher.Report)>.Continuation
    nonisolated let ownerFeed = Feed<Principal, PeerView>()
    /// Tells a user's readers of executions, without runs.
    private var tell: @Sendable (String, [ExecutionView]) async -> Void = { _, _ in }

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

    // MARK: News

    /// Takes what an owner told. Readers are told at once, the journal within 200 ms.
    func take(_ news: WireNews, from peer: Principal) async {
        var touched: [String: Set<ExecutionID>] = [:]
        for item in news.executions {
            guard let id = ExecutionID(bytes: item.execution), let user = await take(item, id, peer) else { continue }
            touched[user, default: []].insert(id)
        }
        for (user, ids) in touched {
            await tell(user, ids.compactMap { known[$0] }.map { view($0, withRuns: false) })
        }
    }

    /// The user whose execution it is, where anything changed.
    private func take(_ item: WireExecutionNews, _ id: ExecutionID, _ peer: Principal) async -> String? {
        lacking[peer]?.remove(id)
        if item.gone {
            guard known[id]?.owner == peer || known[id] == nil else { return nil }
            forget(id)
            pending.gone.insert(id)
            return nil
        }
        if item.hasHead, known[id]?.owner != peer {
            guard let head = ExecutionHead(id, item.head) else { return nil }
            // What this gateway has taken over is its own.
            if (try? await journal.request(id)) != nil, (try? await journal.other(id)) == nil, known[id] == nil {
                return nil
            }
            begin(id, item.head, head, peer)
        }
        guard known[id]?.owner == peer, let index = known.index(forKey: id) else {
            lacking[peer, default: []].insert(id)
            return nil
        }
        let changed = item.runs.filter { known.values[index].take($0) }.map { Int($0.run) }
        pending.runs.formUnion(changed.map { RunKey(execution: id, run: $0) })
        if item.complete, !known.values[index].isComplete {
            known.values[index].complete(logEnd: item.logEnd)
            pending.complete.insert(id)
            pending.runs.formUnion(known.values[index].execution.runs.indices.map { RunKey(execution: id, run: $0) })
        }
        publish(id, changed)
        endFeedIfOver(id)
        return known[id]?.head.user
    }

    private func begin(_ id: ExecutionID, _ wire: WireExecutionHead, _ head: ExecutionHead, _ owner: Principal) {
        if known[id] != nil {
            // It was taken over by this gateway: what is known of it stays.
            known[id]?.owner = owner
            known[id]?.number = wire.number
        } else {
            known[id] = Other(owner: owner, number: wire.number, head: head)
        }
        pending.heads[id] = (owner, wire)
        pending.gone.remove(id)
    }

    /// A node tells its last word to this gateway too, which had the run stopped while the owner was away.
    nonisolated func witness(_ id: ExecutionID, _ node: NodeName, _ report: Dispatcher.Report) {
        wordsEnd.yield((id, node, report))
    }

    private func witnessed(_ id: ExecutionID, _ node: NodeName, _ report: Dispatcher.Report) async {
        guard let number = known[id]?.execution.number(of: node), report.state.isTerminal else { return }
        let since = Moment.now().unixMilliseconds
        var run = Run(node: node, state: report.state, sequence: report.sequence, since: since, spool: report.spool)
        (run.leftOver, run.note) = (report.leftOver, report.note)
        (run.finalLength, run.remaining) = (report.finalLength, report.remaining)
        let news = WireRunNews.with {
            $0.run = UInt32(number)
            $0.report = run.report
            $0.sinceMilliseconds = since
        }
        guard known[id]?.execution.runs[number].state.isTerminal == false, known[id]?.take(news) == true,
            let other = known[id]
        else { return }
        pending.runs.insert(RunKey(execution: id, run: number))
        publish(id, [number])
        await tell(other.head.user, [view(other, withRuns: false)])
    }

    private func forget(_ id: ExecutionID) {
        known[id] = nil
        mirrored[id] = nil
        completedMirrors.remove(id)
        feeds.removeValue(forKey: id)?.close()
    }

    /// This gateway has taken the execution over: readers of its runs are given on.
    func release(_ id: ExecutionID) -> Feed<Int, RunView>? {
        known[id] = nil
        mirrored[id] = nil
        completedMirrors.remove(id)
        pending.heads[id] = nil
        pending.complete.remove(id)
        pending.runs = pending.runs.filter { $0.execution != id }
        return feeds.removeValue(forKey: id)
    }

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
    private func letGo(_ id: ExecutionID) {
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

    // MARK: Looking

    /// Nil for what is not known, and for another user's.
    func find(_ id: ExecutionID, user: String? = nil) async throws(Failure) -> Other? {
        var found = known[id]
        if found == nil { found = try? await journal.other(id) }
        guard let found, user == nil || found.head.user == user else { return nil }
        return known[id] ?? found
    }

    /// The runs that change from now on; ends when the execution is complete, and its log here too where it is open. Nil
    /// where nothing will change.
    func changesIfKnown(of id: ExecutionID) -> Changes<Int, RunView>? {
        guard known[id] != nil, !isOver(id) else { return nil }
        let feed = feeds[id] ?? Feed()
        feeds[id] = feed
        return feed.subscribe()
    }

    func view(_ other: Other, withRuns: Bool) -> ExecutionView {
        let id = other.head.id
        var view = ExecutionView(other.head, complete: other.isComplete)
        if withRuns {
            view.take(other.execution.runs) { number, run in self.view(run, number, of: id, copied: other.copied) }
        } else {
            view.count(other.execution.runs)
        }
        view.owner = other.owner.name
        view.ownerAwaySince = awaySince(other.owner)
        return view
    }

    func view(_ run: Run, _ number: Int, of id: ExecutionID, copied: [UInt64]) -> RunView {
        let copied = mirrored[id]?[number] ?? (copied.indices.contains(number) ? copied[number] : 0)
        return run.view(number, copied: copied, awaySince: run.state.isTerminal ? nil : nodes.awaySince(run.node))
    }

    /// Without runs, of those that are at hand.
    func views(of ids: [ExecutionID]) -> [ExecutionID: ExecutionView] {
        ids.reduce(into: [:]) { views, id in views[id] = known[id].map { view($0, withRuns: false) } }
    }

    /// The run on a node, of those that are at hand.
    func runs(of ids: [ExecutionID], on node: NodeName) -> [ExecutionID: RunOnNode] {
        ids.reduce(into: [:]) { runs, id in
            guard let other = known[id], let number = other.execution.number(of: node) else { return }
            runs[id] = RunOnNode(
                execution: view(other, withRuns: false),
                run: view(other.execution.runs[number], number, of: id, copied: other.copied))
        }
    }

    func awaySince(of owners: Set<Principal>) -> [Principal: Int64] {
        owners.reduce(into: [:]) { since, owner in since[owner] = awaySince(owner) }
    }

    func awaySince(_ owner: Principal) -> Int64? {
        if let peer = peers[owner] { return peer.awaySince }
        // Not heard of since the start, and perhaps not in the registry any more.
        return Moment.now().unixMilliseconds - startedMilliseconds > 2000 ? startedMilliseconds : nil
    }

    // MARK: Logs that are copied here

    /// The log of an execution is open here: its runs are shown as far as the copy goes.
    func opened(_ other: Other, positions: [UInt64]) {
        let id = other.head.id
        if known[id] == nil { known[id] = other }
        mirrored[id] = positions
        completedMirrors.remove(id)
    }

    /// The copy has grown.
    func mirrored(_ id: ExecutionID, positions: [UInt64]) {
        guard let before = mirrored.updateValue(positions, forKey: id), let other = known[id] else { return }
        let done = positions.indices.filter { number in
            guard let final = other.execution.runs[number].finalLength, other.execution.runs[number].state.isTerminal
            else { return false }
            return before[number] < final && positions[number] >= final
        }
        publish(id, done)
    }

    /// Nothing will be added to the copy any more.
    func mirrorCompleted(_ id: ExecutionID) {
        completedMirrors.insert(id)
        endFeedIfOver(id)
    }

    func closed(_ id: ExecutionID) {
        mirrored[id] = nil
        completedMirrors.remove(id)
        endFeedIfOver(id)
        letGo(id)
    }

    /// Whether nothing more will come here: neither states nor output.
    func isOver(_ id: ExecutionID) -> Bool {
        guard known[id]?.isComplete == true else { return false }
        return mirrored[id] == nil || completedMirrors.contains(id)
    }

    private func endFeedIfOver(_ id: ExecutionID) {
        guard isOver(id) else { return }
        feeds.removeValue(forKey: id)?.close()
    }

    private func publish(_ id: ExecutionID, _ numbers: [Int]) {
        guard let feed = feeds[id], let other = known[id] else { return }
        feed.publish(
            numbers.map { (key: $0, value: view(other.execution.runs[$0], $0, of: id, copied: other.copied)) })
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

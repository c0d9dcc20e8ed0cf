import Foundation
import Logging
import Messages
import Sodium
import Spool
import SwiftProtobuf
import Synchronization

/// Every execution this gateway owns: takes requests, and tells what became of them.
///
/// The dispatcher decides; this carries it out: what must not be forgotten goes to the journal in groups, what may be
/// said before goes out at once.
actor Executions {
    /// What carries out what leaves this process or this actor.
    struct Surroundings: Sendable {
        let owner: Principal
        let journal: Journal
        let logs: Logs
        let blobs: BlobStore
        let nodes: NodeTable
        let bulk: Bulk
        let bus: @Sendable ([Outgoing]) -> Void
        let copier: @Sendable (CopierCall) -> Void
        let logger: Logger
        /// The executions of other gateways.
        let others: Others
        /// Copies of their logs; nil where there is no other gateway.
        var mirrors: Mirrors?
        /// Stops for their owners.
        var stops: StopsHandedOn?
        var retention = Retention()
    }

    enum CopierCall: Sendable {
        case open(Copier.Opening)
        case reported(RunKey, spool: UInt64, finalLength: UInt64?)
    }

    let surroundings: Surroundings
    var dispatcher = Dispatcher()
    var orders: [ExecutionID: Outgoing.Order] = [:]
    var copied: [ExecutionID: [UInt64]] = [:]
    /// Their logs are complete; the journal is being told.
    var completing: Set<ExecutionID> = []
    var pending = Pending()
    /// Nodes that do not know yet whom the executions belong to that this gateway has taken over.
    var untold = UntoldNodes()
    var feeds: [ExecutionID: Feed<Int, RunView>] = [:]
    var userFeeds: [String: Feed<ExecutionID, ExecutionView>] = [:]
    /// What other gateways are told; numbers are good for this start.
    var book = ChangeBook()
    /// Sessions of which nothing is taken on any more, until when that counts, Unix milliseconds.
    var revoked: [[UInt8]: Int64] = [:]
    let epoch = UInt64.random(in: 1 ... .max)
    let bell = Bell()
    let inbox: AsyncStream<[Incoming]>
    let commits: AsyncStream<Void>
    let commit: AsyncStream<Void>.Continuation
    let inboxEnd: AsyncStream<[Incoming]>.Continuation

    init(_ surroundings: Surroundings, inbox: (AsyncStream<[Incoming]>, AsyncStream<[Incoming]>.Continuation)) {
        self.surroundings = surroundings
        (self.inbox, inboxEnd) = inbox
        (commits, commit) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: What others see

    /// The runs of an execution that change from now on, each with its newest state; ends when the execution is complete.
    ///
    /// Subscribe first and `show` then, and nothing is missed. The caller has made sure that the reader may see it.
    func changes(of id: ExecutionID) async -> Changes<Int, RunView> {
        guard dispatcher.executions[id] != nil else {
            if let changes = await surroundings.others.changesIfKnown(of: id) { return changes }
            let feed = Feed<Int, RunView>()
            defer { feed.close() }
            return feed.subscribe()
        }
        let feed = feeds[id] ?? Feed()
        feeds[id] = feed
        return feed.subscribe()
    }

    /// The user's executions that are new or changed from now on, each with its newest state, without runs.
    func changes(user: String) -> Changes<ExecutionID, ExecutionView> {
        let feed = userFeeds[user] ?? Feed()
        userFeeds[user] = feed
        return feed.subscribe()
    }

    /// Tells a user's readers of executions that are not this gateway's.
    func publish(user: String, _ views: [ExecutionView]) {
        guard let feed = userFeeds[user], feed.hasReaders else { return }
        feed.publish(views.compactMap { view in ExecutionID(view.execution).map { (key: $0, value: view) } })
    }

    /// Other gateways learn of it.
    func note(_ change: ChangeBook.Subject) {
        book.note(change)
        bell.ring(book.last)
    }

    /// Every run is in its last state and its output is all in the log.
    func isComplete(_ id: ExecutionID) async throws(Failure) -> Bool {
        if dispatcher.executions[id] != nil { return completing.contains(id) }
        guard let entry = try await journal({ try await $0.entry(id) }) else { throw Self.unknown(id) }
        return entry.isComplete
    }

    // MARK: Life

    /// Takes what came and does what is due, until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await batch in self.inbox { await self.receive(batch) }
            }
            group.addTask {
                for await _ in self.commits { await self.writePending() }
            }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: .milliseconds(200))
                    await self.perform([.tick])
                    await self.tellOwner()
                }
            }
            await group.waitForAll()
        }
    }

    /// Brings to the disk what was still to be written; the last call, and in no cancelled task.
    func close() async {
        await writePending()
        for feed in feeds.values { feed.close() }
        for feed in userFeeds.values { feed.close() }
    }

    /// Takes up what the journal has unfinished; called once, before anything else.
    func resume() throws {
        for entry in try surroundings.journal.unfinished() {
            let head = entry.execution.head
            try surroundings.logs.create(
                head, createdNanoseconds: UInt64(clamping: head.createdMilliseconds) * 1_000_000)
            open(entry.execution, order: entry.order, adopted: entry.term, isOld: true)
        }
        for (id, node, term) in try surroundings.journal.untold() { untold.add(id, node, term: term) }
    }

    /// Starts an execution that is on the disk.
    func open(_ execution: Execution, order: [UInt8], adopted term: UInt64? = nil, isOld: Bool) {
        let head = execution.head
        orders[head.id] = Outgoing.Order(
            execution: head.id, user: head.user, uid: head.uid, session: head.session, bytes: order,
            adopted: term.map(adoption))
        copied[head.id] = Array(repeating: 0, count: head.nodes.count)
        surroundings.bulk.open(head)
        let starts = execution.runs.map { run in
            LogCopy.Start(
                node: run.node, spool: run.spool, position: 0,
                finalLength: run.state.isTerminal ? run.finalLength ?? 0 : nil, asksAtOnce: isOld)
        }
        surroundings.copier(.open(Copier.Opening(id: head.id, user: head.user, starts: starts)))
        perform([.opened(execution)])
        note(.execution(head.id))
        tell(user: head.user, [head.id])
    }

    func receive(_ batch: [Incoming]) {
        var events: [Dispatcher.Event] = []
        events.reserveCapacity(batch.count)
        for item in batch {
            switch item {
            case .arrived(let node):
                events.append(.arrived(node))
                untold.arrived(node)
            case .adoptedTaken(let id, let node): forgetUntold(id, node)
            case .departed(let node, let since): events.append(.departed(node, sinceMilliseconds: since))
            case .absent(let id, let nodes): events.append(.absent(id, nodes))
            case .reported(let id, let node, let report):
                // Of another gateway's execution it is not this one's to acknowledge.
                guard dispatcher.executions[id] != nil || surroundings.logs.isOwn(id) else {
                    surroundings.others.witness(id, node, report)
                    continue
                }
                events.append(.reported(id, node, report))
            case .copied(let positions):
                // Of one that is over, what an earlier sync says comes too late.
                for (key, position) in positions where !completing.contains(key.execution) {
                    copied[key.execution]?[key.run] = position
                }
            case .ended(let id, let offset):
                perform(events)
                events.removeAll()
                end(id, at: offset)
            case .complete(let id):
                pending.complete(id)
                commit.yield()
            }
        }
        perform(events)
    }

    /// Lets the dispatcher decide and does what it says.
    func perform(_ events: [Dispatcher.Event]) {
        let now = Moment.now()
        var out: [Outgoing] = []
        var changed: [RunKey] = []
        for effect in events.flatMap({ dispatcher.receive($0, at: now) }) {
            switch effect {
            case .deliver(let id, let nodes): if let order = orders[id] { out.append(.deliver(order, nodes)) }
            case .stop(let id, let nodes, let wish): out.append(.stop(id, nodes, wish))
            case .clock(let nodes): out.append(.clock(nodes))
            case .record(let key): pending.record(key)
            case .acknowledge(let id, let node, let sequence):
                pending.acknowledge(id, node, sequence: sequence)
            case .changed(let key): changed.append(key)
            case .announce(let key): if let event = event(key) { out.append(event) }
            }
        }
        if !out.isEmpty { surroundings.bus(out) }
        tell(changed)
        if !pending.isEmpty { commit.yield() }
    }

    /// An execution is over. The last states of its runs have been told before, so readers learn it last.
    func end(_ id: ExecutionID, at offset: UInt64) {
        guard let user = dispatcher.executions[id]?.head.user, completing.insert(id).inserted else { return }
        copied[id] = dispatcher.executions[id]?.runs.map { $0.finalLength ?? 0 }
        surroundings.logs.lengthened(id, to: LogEnd(offset: offset, isComplete: true))
        note(.end(id))
        tell(user: user, [id])
    }
}

import Bus
import Logging
import Messages
import Sodium
import Spool
import ZeroMQ

/// Copies the nodes' output into the logs, as `LogCopy` decides. Lives on a thread of its own, since it writes and syncs.
final class Copier {
    /// What the copier says to others; none of it waits.
    struct Sinks: Sendable {
        let bus: @Sendable ([Outgoing]) -> Void
        let executions: @Sendable ([Incoming]) -> Void
    }

    /// An execution as the copier takes it up.
    struct Opening: Sendable {
        let id: ExecutionID
        let user: String
        /// Positions are the log's to say.
        var starts: [LogCopy.Start]

        func topic(_ run: Int) -> [UInt8] { Topic.output(user: user, id, starts[run].node).bytes }
    }

    static let tick = Duration.milliseconds(100)
    /// Not synced longer than this, or more than this much, and it is synced. A commit of the file system's journal holds up
    /// whoever writes, so there are few; but a node that is told nothing for a second begins to send again.
    static let syncPeriod = Duration.milliseconds(500)
    static let syncBytes = 2 << 20

    struct Writing {
        let writer: LogWriter
        /// With what is known by now, to open it anew.
        var opening: Opening
        var unsyncedBytes = 0
        /// The spools of the runs whose node waits for `copied`.
        var owed: [Int: UInt64] = [:]
        /// Nothing more comes: it is let go of once it is on the disk.
        var isOver = false
    }

    /// A log on its way to the disk, and how far its runs are copied once it is there.
    struct Syncing {
        let writer: LogWriter
        let copied: [(run: Int, spool: UInt64, position: UInt64)]
    }

    let logs: Logs
    let keys: KeyRing
    /// The most one log holds.
    let logBytes: UInt64
    let sinks: Sinks
    let logger: Logger
    let loop: PollLoop
    let syncer = LogSyncer()
    var copy = LogCopy()
    var writing: [ExecutionID: Writing] = [:]
    var failed: [ExecutionID: Opening] = [:]
    var runsByTopic: [[UInt8]: RunKey] = [:]
    /// Written in this pass, and not yet flushed.
    var touched: Set<ExecutionID> = []
    var unsynced: Set<ExecutionID> = []
    /// On their way to the disk: one batch at a time.
    var syncing: [ExecutionID: Syncing] = [:]
    var syncTurns = SyncTurns()
    var out: [Outgoing] = []
    var dropped = 0
    private let waiting: ArrivalsWaiting
    private static let warningPeriod = Duration.seconds(10)

    init(
        logs: Logs, keys: KeyRing, logBytes: UInt64 = .max, sinks: Sinks, logger: Logger,
        waiting: ArrivalsWaiting = ArrivalsWaiting(), on loop: PollLoop
    ) {
        self.waiting = waiting
        self.logs = logs
        self.keys = keys
        self.logBytes = logBytes
        self.sinks = sinks
        self.logger = logger
        self.loop = loop
        loop.after(Self.tick, every: Self.tick) { [weak self] in
            guard let self else { return }
            perform(copy.receive(.tick, at: now))
            endPass()
        }
        loop.after(Self.warningPeriod, every: Self.warningPeriod) { [weak self] in
            guard let self, case let bytes = self.waiting.takeLetGo(), bytes > 0 else { return }
            logger.warning(
                "output comes faster than it is copied: it is asked for again", metadata: ["bytes": "\(bytes)"])
        }
    }

    /// Where something waits, no later than that came: an answer that stands in this queue is not late.
    var now: Duration { waiting.since ?? Moment.now().steady }

    // MARK: In

    func open(_ opening: Opening) {
        begin(opening)
        endPass()
    }

    func reported(_ key: RunKey, spool: UInt64, finalLength: UInt64?) {
        writing[key.execution]?.opening.learn(key.run, spool, finalLength)
        failed[key.execution]?.learn(key.run, spool, finalLength)
        perform(copy.receive(.reported(key, spool: spool, finalLength: finalLength), at: now))
        endPass()
    }

    /// `came` is when the bus thread had them.
    func receive(_ arrivals: [Arrival], came: Duration) {
        waiting.taken(arrivals, came: came)
        let now = now
        for arrival in arrivals {
            switch arrival {
            case .slice(let topic, let header, let records): take(topic: topic, header, records[...], now)
            case .range(let id, let node, let bytes): take(range: bytes, id, node, now)
            case .replayed(let id, let node, let answer): take(answer, id, node, now)
            case .arrived(let node): perform(copy.receive(.arrived(node), at: now))
            case .departed(let node): perform(copy.receive(.departed(node), at: now))
            case .following: perform(copy.receive(.following, at: now))
            }
        }
        endPass()
    }

    /// Brings everything to the disk; the last call.
    func close() {
        endPass()
        endSync()
        sync()
        endSync()
        flushOut()
        writing = [:]
    }

    func begin(_ opening: Opening) {
        let id = opening.id
        do throws(LogReader.Problem) {
            let writer = try LogWriter(continuing: logs.path(of: id))
            var opening = opening
            for run in opening.starts.indices {
                opening.starts[run].position = writer.position(of: UInt32(run))
                runsByTopic[opening.topic(run)] = RunKey(execution: id, run: run)
            }
            writing[id] = Writing(writer: writer, opening: opening)
            failed[id] = nil
            logs.lengthened(id, to: LogEnd(offset: writer.end, isComplete: false))
            sinks.executions([
                .copied(opening.starts.enumerated().map { (RunKey(execution: id, run: $0), $1.position) })
            ])
            perform(copy.receive(.opened(id, opening.starts), at: now))
        } catch {
            fail(opening, "\(error)")
        }
    }

    // MARK: Doing

    func perform(_ effects: [LogCopy.Effect]) {
        for effect in effects {
            switch effect {
            case .taken(let key, let node, let spool, let position, let window):
                out.append(.taken(key.execution, node, spool: spool, position: position, window: window))
            case .requestReplay(let key, let node, let spool, let from, let to):
                out.append(.replay(key.execution, node, spool: spool, from: from, to: to))
            case .gap(let key, let spool, let to):
                writing[key.execution]?.writer.appendGap(
                    run: UInt32(key.run), to: to, timeNanoseconds: Self.wallNanoseconds)
                writing[key.execution]?.owed[key.run] = spool
                touched.insert(key.execution)
                unsynced.insert(key.execution)
            case .complete(let id): complete(id)
            }
        }
    }

    /// What is owed at the end of everything that came together: the readers' wake-ups first.
    func endPass() {
        for id in touched {
            guard let writer = writing[id]?.writer, flush(id, writer) else { continue }
            logs.lengthened(id, to: LogEnd(offset: writer.end, isComplete: false))
        }
        touched.removeAll(keepingCapacity: true)
        perform(copy.endPass(at: now))
        syncWhereDue()
        flushOut()
    }

    func flush(_ id: ExecutionID, _ writer: LogWriter) -> Bool {
        do throws(SystemError) {
            try writer.flush()
            return true
        } catch {
            lose(id, "\(error)")
            return false
        }
    }

    func complete(_ id: ExecutionID) {
        guard let done = writing[id] else { return }
        done.writer.appendOutstandingGaps(timeNanoseconds: Self.wallNanoseconds)
        guard flush(id, done.writer) else { return }
        // Readers need not wait for the disk; the journal must.
        sinks.executions([.ended(id, offset: done.writer.end)])
        touched.remove(id)
        writing[id]?.isOver = true
        unsynced.insert(id)
    }

    // MARK: When the disk fails

    /// Gives a log up for a moment; what comes meanwhile is let go and asked for again.
    func lose(_ id: ExecutionID, _ reason: String) {
        guard let lost = writing.removeValue(forKey: id) else { return }
        // It is opened anew, and until then nothing of it is to be asked for.
        copy.forget(id)
        var opening = lost.opening
        for run in opening.starts.indices { opening.starts[run].asksAtOnce = true }
        fail(opening, reason)
    }

    func fail(_ opening: Opening, _ reason: String) {
        logger.error("log cannot be written", metadata: ["execution": "\(opening.id)", "reason": "\(reason)"])
        failed[opening.id] = opening
        loop.after(.seconds(1)) { [weak self] in
            guard let self, let opening = failed[opening.id] else { return }
            open(opening)
        }
    }

    func flushOut() {
        guard !out.isEmpty else { return }
        sinks.bus(out)
        out = []
    }

    static var wallNanoseconds: UInt64 { Moment.wallNanoseconds() }
}

extension Copier.Opening {
    fileprivate mutating func learn(_ run: Int, _ spool: UInt64, _ finalLength: UInt64?) {
        guard starts.indices.contains(run) else { return }
        if starts[run].spool == 0 { starts[run].spool = spool }
        if let finalLength { starts[run].finalLength = finalLength }
    }
}

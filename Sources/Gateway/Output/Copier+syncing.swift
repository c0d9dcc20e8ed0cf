import Messages
import Spool
import ZeroMQ

/// The way to the disk: `copied` and `complete` are said only of what is there. One batch of logs is under way at a time;
/// what comes meanwhile is for the next.
extension Copier {
    /// Begins a batch where a log is over or much has come for one; else in a moment.
    func syncWhereDue() {
        guard syncing.isEmpty, !unsynced.isEmpty else { return }
        let isUrgent = unsynced.contains { id in
            writing[id].map { $0.isOver || $0.unsyncedBytes >= Self.syncBytes } ?? false
        }
        switch syncTurns.next(isUrgent: isUrgent) {
        case .begin: sync()
        case .wait: return
        case .beginLater:
            loop.after(Self.syncPeriod) { [weak self] in
                guard let self else { return }
                let step = syncTurns.timeIsUp(isUnderWay: !syncing.isEmpty, isOwed: !unsynced.isEmpty)
                if step == .begin { sync() }
            }
        }
    }

    /// Called between passes: what is written is flushed.
    func sync() {
        guard syncing.isEmpty else { return }
        var files: [(id: ExecutionID, file: LogFile)] = []
        for id in unsynced {
            guard let index = writing.index(forKey: id) else { continue }
            let entry = writing.values[index]
            let copied = entry.owed.map { (run: $0, spool: $1, position: entry.writer.position(of: UInt32($0))) }
            syncing[id] = Syncing(writer: entry.writer, copied: copied)
            files.append((id, entry.writer.file))
            writing.values[index].owed = [:]
            writing.values[index].unsyncedBytes = 0
        }
        unsynced.removeAll(keepingCapacity: true)
        guard !files.isEmpty else { return }
        let (copier, mailbox) = (loop.bind(self), loop.mailbox)
        syncer.sync(files) { mailbox.post { copier.value.synced() } }
    }

    /// Waits for the batch that is under way.
    func endSync() {
        syncer.wait()
        synced()
    }

    /// Tells the nodes, whose credit it is, and lets go of what is over.
    private func synced() {
        let done = syncer.take()
        guard !done.isEmpty else { return }
        let batch = syncing
        syncing = [:]
        for (id, problem) in done {
            // A log that was lost and opened again meanwhile is another.
            guard let synced = batch[id], let entry = writing[id], entry.writer === synced.writer else { continue }
            if let problem {
                lose(id, "\(problem)")
                continue
            }
            tell(id, synced.copied, entry.opening)
            if entry.isOver, !unsynced.contains(id) { letGo(id, entry.opening) }
        }
        syncWhereDue()
        flushOut()
    }

    private func tell(_ id: ExecutionID, _ copied: [(run: Int, spool: UInt64, position: UInt64)], _ opening: Opening) {
        guard !copied.isEmpty else { return }
        for (run, spool, position) in copied {
            out.append(.copied(id, opening.starts[run].node, spool: spool, position: position))
        }
        sinks.executions([.copied(copied.map { (RunKey(execution: id, run: $0.run), $0.position) })])
    }

    private func letGo(_ id: ExecutionID, _ opening: Opening) {
        writing[id] = nil
        for run in opening.starts.indices { runsByTopic[opening.topic(run)] = nil }
        sinks.executions([.complete(id)])
    }
}

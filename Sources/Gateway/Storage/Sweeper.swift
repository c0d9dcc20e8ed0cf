import Logging
import Messages
import Spool

/// Takes away what `Retention` says is over, in small steps and on a thread of its own: nobody waits for it.
actor Sweeper {
    /// What the last sweeps took away since the gateway's start.
    struct Count: Sendable, Equatable {
        var executions = 0
        var keys = 0
        var blobs = 0
        var strayLogs = 0
    }

    /// How much goes in one transaction, and one turn of the disk's thread.
    private static let step = 100
    /// Between two steps: others come first.
    private static let pause = Duration.milliseconds(20)
    /// Files are looked through in every so-manieth sweep only: there may be many.
    private static let blobsEvery = 5

    private let retention: Retention
    private let journal: Journal
    private let logs: Logs
    private let blobs: BlobStore
    private let logger: Logger
    private(set) var count = Count()
    private var sweeps = 0

    init(retention: Retention, journal: Journal, logs: Logs, blobs: BlobStore, logger: Logger) {
        (self.retention, self.journal, self.logs, self.blobs) = (retention, journal, logs, blobs)
        self.logger = logger
    }

    /// Sweeps now and then, until the task is cancelled.
    func run() async {
        await disk { [blobs] in blobs.survey() }
        while !Task.isCancelled {
            await sweep(at: Moment.now().unixMilliseconds)
            try? await Task.sleep(for: retention.period)
        }
    }

    func sweep(at now: Int64) async {
        let before = count
        do {
            try await sweepExecutions(at: now)
            try await sweepKeys(at: now)
            if sweeps.isMultiple(of: Self.blobsEvery) {
                try await sweepBlobs(at: now)
                try await sweepStrayLogs(at: now)
            }
        } catch is CancellationError {
            return
        } catch {
            logger.error("sweep cut short", metadata: ["reason": "\(error)"])
        }
        sweeps += 1
        guard count != before else { return }
        logger.info(
            "swept",
            metadata: [
                "executions": "\(count.executions - before.executions)", "keys": "\(count.keys - before.keys)",
                "files": "\(count.blobs - before.blobs)", "strayLogs": "\(count.strayLogs - before.strayLogs)",
            ])
    }

    private func sweepExecutions(at now: Int64) async throws {
        let cutoff = Retention.cutoff(retention.executions, at: now)
        while true {
            let ids = try await journal.executions(endedBefore: cutoff, limit: Self.step)
            guard !ids.isEmpty else { return }
            // First the journal: who is killed here leaves logs that nothing names, which are found later.
            try await journal.forget(ids, at: now)
            await disk { [logs] in for id in ids { logs.discard(id) } }
            count.executions += ids.count
            try await Task.sleep(for: Self.pause)
        }
    }

    private func sweepKeys(at now: Int64) async throws {
        let cutoff = Retention.cutoff(retention.keysKept, at: now)
        while true {
            let gone = try await journal.forgetKeys(before: cutoff)
            count.keys += gone
            if gone == 0 { break }
            try await Task.sleep(for: Self.pause)
        }
        let oldest = Retention.cutoff(retention.tombs, at: now)
        while try await journal.forgetTombs(before: oldest) > 0 { try await Task.sleep(for: Self.pause) }
    }

    private func sweepBlobs(at now: Int64) async throws {
        let all = await disk { [blobs] in blobs.blobs() }
        for start in stride(from: 0, to: all.count, by: Self.step) {
            let some = Array(all[start..<min(start + Self.step, all.count)])
            let referenced = try await journal.referenced(among: some)
            let (blobs, retention) = (blobs, retention)
            count.blobs += await disk {
                some.count { blob in
                    let fact = Retention.Blob(
                        touched: blobs.touched(blob), isReferenced: referenced.contains(blob))
                    return retention.isOver(fact, at: now) && blobs.remove(blob, at: now)
                }
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    private func sweepStrayLogs(at now: Int64) async throws {
        let (logs, retention) = (logs, retention)
        let all = await disk { logs.all() }
        for start in stride(from: 0, to: all.count, by: Self.step) {
            let some = Array(all[start..<min(start + Self.step, all.count)])
            let known = try await journal.known(among: some)
            count.strayLogs += await disk {
                some.count { id in
                    guard !known.contains(id), let modified = File.modified(logs.path(of: id)),
                        retention.isOver(strayLog: modified, at: now)
                    else { return false }
                    logs.discard(id)
                    return true
                }
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    /// The sweep's own threads: no user is called like this.
    private func disk<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
        await DiskWork.run(for: "", body)
    }
}

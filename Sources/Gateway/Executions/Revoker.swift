import Logging
import Messages
import SwiftProtobuf

/// Revokes login sessions: on the disk first, then among what is queued here, then at the nodes.
actor Revoker {
    /// More are not told to the nodes: the newest are, an operator's before those of users. At this gateway all count.
    static let mostTold = 4096
    /// Of one user, where no operator has revoked them.
    static let mostToldOfUser = 64
    /// Of one user: each is kept for days, and every node hears of it.
    static let mostPerMinute = 60
    private static let tellingPeriod = Duration.seconds(1)
    /// A session's orders may wait at another gateway for as long as an order may; the session itself is over before.
    static let keptMilliseconds = Int64(RequestCheck.longestWaitMilliseconds) + Sessions.absoluteMilliseconds

    private let journal: Journal
    private let executions: Executions
    private let bus: @Sendable ([Outgoing]) -> Void
    private let logger: Logger
    private var told: UInt64 = 0
    private var mayTell = ContinuousClock.now
    /// The nodes are to be told what stands when the second is over.
    private let due: AsyncStream<Void>
    private nonisolated let isDue: AsyncStream<Void>.Continuation
    private var asked: (since: ContinuousClock.Instant, ofUser: [String: Int]) = (.now, [:])

    init(
        journal: Journal, executions: Executions, bus: @escaping @Sendable ([Outgoing]) -> Void, logger: Logger
    ) {
        (self.journal, self.executions, self.bus, self.logger) = (journal, executions, bus, logger)
        (due, isDue) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Tells the nodes what could not be told at once, until the task is cancelled.
    func run() async {
        for await _ in due {
            guard (try? await Task.sleep(until: mayTell)) != nil else { return }
            await tellNow()
        }
    }

    /// What stands, for a gate that opens; read before anything else runs.
    nonisolated func standing() throws -> [Journal.Revocation] { try journal.revocations().standing }

    /// Tells the nodes what stands, each when it comes, from now on; and finishes what an end of the gateway cut off.
    func resume() async throws {
        let all = try journal.revocations()
        await tell()
        await executions.noteRevoked(all.standing, at: Moment.now().unixMilliseconds)
        try await executions.cancelQueued(of: Set(all.standing.compactMap(\.session)))
    }

    /// Counts what a user asks for; throws where that is too often.
    func count(_ user: String) throws(Failure) {
        if asked.since.duration(to: .now) >= .seconds(60) { asked = (.now, [:]) }
        guard asked.ofUser[user, default: 0] < Self.mostPerMinute else {
            throw Failure(.tooMany, "You revoke sessions too often. Try again in a minute.")
        }
        asked.ofUser[user, default: 0] += 1
    }

    /// Revokes sessions, and with `user` all of theirs that began before now; returns how many runs were waiting, which are
    /// cancelled, when all of that is on the disk.
    func revoke(
        _ sessions: [[UInt8]: String], user: String?, at now: Int64, isOperators: Bool
    ) async throws(Failure) -> Int {
        let until = now + Self.keptMilliseconds
        var wished = sessions.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map {
            Journal.Revocation(session: $0.key, user: $0.value, at: now, until: until, isOperators: isOperators)
        }
        if let user {
            wished.append(
                Journal.Revocation(session: nil, user: user, at: now, until: until, isOperators: isOperators))
        }
        do {
            try await journal.revoke(wished, at: now)
        } catch {
            logger.error("journal", metadata: ["reason": "\(error)"])
            throw Journal.failure(error)
        }
        // Before it is told: from here on no node is given an order of them.
        await executions.noteRevoked(wished, at: now)
        await tell()
        return try await executions.cancelQueued(of: Set(sessions.keys))
    }

    /// Tells the nodes what stands, at once or, where they were told within the last second, when it is over.
    private func tell() async {
        guard mayTell > .now else { return await tellNow() }
        isDue.yield()
    }

    private func tellNow() async {
        mayTell = .now + Self.tellingPeriod
        let newest: Journal.Revocations
        do {
            newest = try await journal.newestRevocations(Self.mostTold, ofUser: Self.mostToldOfUser)
        } catch {
            logger.error("revoked sessions not told", metadata: ["reason": "\(error)"])
            isDue.yield()
            return
        }
        // A later state may have been told already.
        guard newest.sequence > told else { return }
        told = newest.sequence
        bus([.revocations(Self.wire(newest))])
    }

    static func wire(_ all: Journal.Revocations) -> WireRevocations {
        .with {
            $0.sequence = all.sequence
            $0.revocations = all.standing.filter { $0.session != nil }.map { one in
                .with {
                    $0.session = .init(one.session ?? [])
                    $0.untilMilliseconds = one.until
                }
            }
        }
    }
}

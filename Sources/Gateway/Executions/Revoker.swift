import Logging
import Messages
import SwiftProtobuf

/// Revokes login sessions: on the disk first, then among what is queued here, then at the nodes.
actor Revoker {
    /// More are not told to the nodes: the newest are. At this gateway all count.
    static let mostTold = 4096
    /// A session's orders may wait at another gateway for as long as an order may; the session itself is over before.
    static let keptMilliseconds = Int64(RequestCheck.longestWaitMilliseconds) + Sessions.absoluteMilliseconds

    private let journal: Journal
    private let executions: Executions
    private let bus: @Sendable ([Outgoing]) -> Void
    private let logger: Logger
    private var told: UInt64 = 0

    init(
        journal: Journal, executions: Executions, bus: @escaping @Sendable ([Outgoing]) -> Void, logger: Logger
    ) {
        (self.journal, self.executions, self.bus, self.logger) = (journal, executions, bus, logger)
    }

    /// What stands, for a gate that opens; read before anything else runs.
    nonisolated func standing() throws -> [Journal.Revocation] { try journal.revocations().standing }

    /// Tells the nodes what stands, each when it comes, from now on; and finishes what an end of the gateway cut off.
    func resume() async throws {
        let all = try journal.revocations()
        tell(all)
        await executions.noteRevoked(all.standing)
        try await executions.cancelQueued(of: Set(all.standing.compactMap(\.session)))
    }

    /// Revokes sessions, and with `user` all of theirs that began before now; returns how many runs were waiting, which are
    /// cancelled, when all of that is on the disk.
    func revoke(_ sessions: [[UInt8]: String], user: String?, at now: Int64) async throws(Failure) -> Int {
        let until = now + Self.keptMilliseconds
        var wished = sessions.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map {
            Journal.Revocation(session: $0.key, user: $0.value, at: now, until: until)
        }
        if let user { wished.append(Journal.Revocation(session: nil, user: user, at: now, until: until)) }
        let all: Journal.Revocations
        do {
            all = try await journal.revoke(wished, at: now)
        } catch {
            logger.error("journal", metadata: ["reason": "\(error)"])
            throw Journal.failure(error)
        }
        tell(all)
        await executions.noteRevoked(all.standing)
        return try await executions.cancelQueued(of: Set(sessions.keys))
    }

    private func tell(_ all: Journal.Revocations) {
        // A later transaction may have been told already.
        guard all.sequence > told else { return }
        told = all.sequence
        bus([.revocations(Self.wire(all))])
    }

    static func wire(_ all: Journal.Revocations) -> WireRevocations {
        .with {
            $0.sequence = all.sequence
            $0.revocations = all.standing.filter { $0.session != nil }.suffix(mostTold).map { one in
                .with {
                    $0.session = .init(one.session ?? [])
                    $0.untilMilliseconds = one.until
                }
            }
        }
    }
}

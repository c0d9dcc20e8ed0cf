import HTTPTypes
import Messages
import NIOCore
import Synchronization

/// The connections that outlive their request: sockets and streams, by whose session they run.
final class OpenConnections: Sendable {
    /// Most of one user at a time.
    private let limit: Int

    private struct Entry {
        var identity: Identity
        var channel: any Channel
    }

    private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

    init(limit: Int) { self.limit = limit }

    /// Keeps account of a connection while `body` runs; throws `tooMany` where the user has enough of them, and
    /// `notLoggedIn` where the session was ended before it was known here what to close.
    func with<Result>(
        _ channel: any Channel, of visitor: Visitor, at gate: Gate, _ body: () async throws -> Result
    ) async throws -> Result {
        let identity = visitor.identity
        let key = ObjectIdentifier(channel)
        let isFree = entries.withLock { entries in
            guard entries.values.count(where: { $0.identity.user == identity.user }) < limit else { return false }
            entries[key] = Entry(identity: identity, channel: channel)
            return true
        }
        guard isFree else {
            throw Refusal(.tooManyRequests, .tooMany, "You have \(limit) connections open; close one first.")
        }
        defer { entries.withLock { _ = $0.removeValue(forKey: key) } }
        guard gate.isAlive(visitor) else { throw Refusal.notLoggedIn }
        return try await body()
    }

    /// Closes all connections of a session.
    func close(session: [UInt8]) { close { $0.session == session } }

    /// Closes all connections of those that are meant.
    func close(where isMeant: (Identity) -> Bool) {
        let channels = entries.withLock { entries in entries.values.filter { isMeant($0.identity) }.map(\.channel) }
        for channel in channels { channel.close(promise: nil) }
    }
}

import HTTPTypes
import Messages
import NIOCore
import Synchronization

/// The connections that outlive their request: sockets and streams, by whose session they run.
final class OpenConnections: Sendable {
    /// Most of one user at a time.
    private let limit: Int

    private struct Entry {
        var user: String
        var session: [UInt8]
        var channel: any Channel
    }

    private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

    init(limit: Int) { self.limit = limit }

    /// Keeps account of a connection while `body` runs; throws `tooMany` where the user has enough of them.
    func with<Result>(
        _ channel: any Channel, of identity: Identity, _ body: () async throws -> Result
    ) async throws -> Result {
        let key = ObjectIdentifier(channel)
        let isFree = entries.withLock { entries in
            guard entries.values.count(where: { $0.user == identity.user }) < limit else { return false }
            entries[key] = Entry(user: identity.user, session: identity.session, channel: channel)
            return true
        }
        guard isFree else {
            throw Refusal(.tooManyRequests, .tooMany, "You have \(limit) connections open; close one first.")
        }
        defer { entries.withLock { _ = $0.removeValue(forKey: key) } }
        return try await body()
    }

    /// Closes all connections of a session.
    func close(session: [UInt8]) { close { $0 == session } }

    /// Closes all connections of sessions.
    func close(where isMeant: ([UInt8]) -> Bool) {
        let channels = entries.withLock { entries in entries.values.filter { isMeant($0.session) }.map(\.channel) }
        for channel in channels { channel.close(promise: nil) }
    }
}

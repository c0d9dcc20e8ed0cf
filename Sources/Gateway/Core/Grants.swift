import Bus
import GRDB
import Logging
import Messages
import Sodium
import SwiftProtobuf
import Synchronization

/// Users' own keys for reading the bus: kept in the journal, and told to every broker in full at each change.
actor Grants {
    /// Keys of one user.
    static let most = 16
    static let longestDays = 365
    static let defaultDays = 30
    /// Of one user: every broker hears all keys of all users at each.
    static let mostChangesPerMinute = 60

    let brokers: [BrokerAddress]
    private let journal: Journal
    private let isRegistered: @Sendable ([UInt8]) -> Bool
    private let bus: @Sendable ([Outgoing]) -> Void
    private let clock: WallClock
    private let logger: Logger
    /// Counts the transactions, whose order is what the brokers must hear.
    private let transactions = Mutex<UInt64>(0)
    private var told: UInt64 = 0
    private var changes: (since: ContinuousClock.Instant, ofUser: [String: Int]) = (.now, [:])

    /// `brokers` are those that users' programs connect to; `isRegistered` knows the keys that are a peer's.
    init(
        journal: Journal, brokers: [BrokerAddress], isRegistered: @escaping @Sendable ([UInt8]) -> Bool,
        bus: @escaping @Sendable ([Outgoing]) -> Void, clock: WallClock = .system, logger: Logger
    ) {
        self.journal = journal
        self.brokers = brokers
        self.isRegistered = isRegistered
        self.bus = bus
        self.clock = clock
        self.logger = logger
    }

    /// Grants a public key of the user's; the same name and key again only moves the expiry.
    func add(
        _ name: String, key: String, days: Int, for user: String
    ) async throws(Failure) -> (key: Journal.SubscribeKey, isNew: Bool) {
        guard Principal(user: user, key: name) != nil else {
            throw Failure(.badName, "A key's name has 1 to 64 letters, digits, dots, dashes or underscores.")
        }
        guard (1...Self.longestDays).contains(days) else {
            throw Failure(.badRequest, "A key is good for 1 to \(Self.longestDays) days.")
        }
        guard let bytes = Hex.decode(Substring(key)), bytes.count == 32, Self.isPoint(bytes) else {
            throw Failure(.badRequest, "A public key has 64 hex digits, and this is none.")
        }
        guard !isRegistered(bytes) else {
            throw Failure(.conflict, "This key belongs to a part of the installation. Make a new one.")
        }
        try count(user)
        let now = clock.now()
        let wish = Journal.SubscribeKey(
            user: user, name: name, key: bytes, created: now, expires: now + Int64(days) * 86_400_000)
        switch try await change({ try Journal.grant(wish, most: Self.most, in: $0) }) {
        case .new: return (wish, true)
        case .renewed: return (wish, false)
        case .nameTaken:
            throw Failure(.exists, "You have another key called \(name). Remove it first, or take another name.")
        case .keyTaken: throw Failure(.conflict, "This key is granted already. Make a new one.")
        case .tooMany:
            throw Failure(.tooMany, "You have \(Self.most) keys, and more are not given. Remove one first.")
        }
    }

    /// The user's keys that stand.
    func list(user: String) async throws(Failure) -> [Journal.SubscribeKey] {
        let now = clock.now()
        return try await read { try Journal.keys(of: user, at: now, in: $0) }
    }

    /// Ends a key; who reads by it is cut off by every broker that hears of it.
    func remove(_ name: String, of user: String) async throws(Failure) {
        try count(user)
        guard try await change({ try Journal.removeKey(name, of: user, in: $0) }) else {
            throw Failure(.notFound, "You have no key called \(name).")
        }
    }

    /// Tells every broker what stands.
    func tell() async throws(Failure) { try await change { _ in } }

    // MARK: Own

    private func count(_ user: String) throws(Failure) {
        if changes.since.duration(to: .now) >= .seconds(60) { changes = (.now, [:]) }
        guard changes.ofUser[user, default: 0] < Self.mostChangesPerMinute else {
            throw Failure(.tooMany, "You change your keys too often. Try again in a minute.")
        }
        changes.ofUser[user, default: 0] += 1
    }

    private func change<Result: Sendable>(
        _ work: @escaping @Sendable (Database) throws -> Result
    ) async throws(Failure) -> Result {
        let (result, keys, number): (Result, [Journal.SubscribeKey], UInt64)
        do {
            (result, keys, number) = try await journal.pool.write { database in
                let result = try work(database)
                let keys = try Journal.keys(at: self.clock.now(), in: database)
                let number = self.transactions.withLock { count in
                    count += 1
                    return count
                }
                return (result, keys, number)
            }
        } catch {
            throw busy(error)
        }
        if number > told {
            told = number
            bus([.grants(Self.wire(keys))])
        }
        return result
    }

    private func read<Result: Sendable>(
        _ work: @escaping @Sendable (Database) throws -> Result
    ) async throws(Failure) -> Result {
        do { return try await journal.pool.read { try work($0) } } catch { throw busy(error) }
    }

    private func busy(_ error: any Error) -> Failure {
        logger.error("journal", metadata: ["reason": "\(error)"])
        return Journal.failure(error)
    }

    /// With a key of low order anybody could speak as its owner.
    private static func isPoint(_ key: [UInt8]) -> Bool {
        KeyExchange.shared(secret: Random.bytes(32), public: key) != nil
    }

    private static func wire(_ keys: [Journal.SubscribeKey]) -> WireGrants {
        .with {
            $0.grants = keys.map { key in
                .with {
                    $0.key = .init(key.key)
                    $0.user = key.user
                    $0.name = key.name
                    $0.prefixes = Topic.prefixes(of: key.user)
                    $0.expiresMilliseconds = key.expires
                }
            }
        }
    }
}

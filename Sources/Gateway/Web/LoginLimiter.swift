import Glibc
import Sodium

/// Slows down guessing: 10 failures in 5 minutes for one user from one address, then a wait.
///
/// An attempt counts as failed from its beginning until it succeeds, so that fifty at once are not fifty guesses. The
/// same user from another address is not touched: nobody can lock somebody else out.
struct LoginLimiter {
    struct Attempt: Hashable, Sendable {
        let user: String
        /// Where it comes from: an address, or all that one machine can give itself as it likes.
        let place: String

        init(user: String, address: String) {
            self.user = user
            place = Self.place(of: address)
        }

        /// A /64 of IPv6 (RFC 6177: what a single subnet has) and the loopback network 127/8 are one place each.
        private static func place(of address: String) -> String {
            if address.hasPrefix("127.") { return "127.0.0.1" }
            var bytes = [UInt8](repeating: 0, count: 16)
            guard inet_pton(AF_INET6, address, &bytes) == 1 else { return address }
            // ::ffff:a.b.c.d is an IPv4 address.
            if bytes.starts(with: [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]) {
                return place(of: bytes[12...].map(String.init).joined(separator: "."))
            }
            return Hex.encode(Array(bytes.prefix(8)))
        }
    }

    static let allowed = 10
    static let window = Duration.seconds(300)
    /// Pairs kept; beyond it the pair whose last failure is the oldest is forgotten.
    static let capacity = 10_000

    private var failures: [Attempt: [ContinuousClock.Instant]] = [:]

    /// Nil where the attempt may go on; else how long to wait.
    mutating func begin(_ attempt: Attempt, at now: ContinuousClock.Instant) -> Duration? {
        let recent = (failures[attempt] ?? []).filter { now - $0 < Self.window }
        if recent.count >= Self.allowed, let first = recent.first {
            failures[attempt] = recent
            return Self.window - (now - first)
        }
        if failures[attempt] == nil, failures.count >= Self.capacity { makeRoom(at: now) }
        failures[attempt] = recent + [now]
        return nil
    }

    mutating func succeeded(_ attempt: Attempt) {
        failures[attempt] = nil
    }

    private mutating func makeRoom(at now: ContinuousClock.Instant) {
        failures = failures.filter { $0.value.last.map { now - $0 < Self.window } ?? false }
        guard failures.count >= Self.capacity else { return }
        // A tenth at once, so that a flood of names does not sort the table for each of them.
        let oldest = failures.sorted { ($0.value.last ?? now) < ($1.value.last ?? now) }.prefix(Self.capacity / 10)
        for (attempt, _) in oldest { failures[attempt] = nil }
    }
}

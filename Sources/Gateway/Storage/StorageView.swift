/// What a user has here, and what bounds it: `GET storage` (docs/protocol.md §10). Bytes, and seconds. Of others
/// it has sums only.
struct StorageView: Encodable, Sendable, Equatable {
    struct Files: Encodable, Sendable, Equatable {
        var bytes, limit: UInt64
        /// How long a file stays that no execution names.
        var kept: Int64
    }

    struct Uploads: Encodable, Sendable, Equatable {
        var count: Int
        var bytes, limit: UInt64
        var kept: Int64
    }

    struct Executions: Encodable, Sendable, Equatable {
        var count: Int
        /// After their end.
        var kept: Int64
    }

    struct Logs: Encodable, Sendable, Equatable {
        var bytes: UInt64
        /// Of one execution.
        var limit: UInt64
    }

    /// Copies of other gateways' logs, of all users together.
    struct Mirrors: Encodable, Sendable, Equatable {
        var count: Int
        var bytes, limit: UInt64
        /// After a copy was last read.
        var kept: Int64
    }

    struct Keys: Encodable, Sendable, Equatable {
        var kept: Int64
    }

    /// The gateway's disk.
    struct Disk: Encodable, Sendable, Equatable {
        var free, needed: UInt64
        /// No new work is taken on.
        var full: Bool
        var journal: UInt64
    }

    var user: String
    var files: Files
    var uploads: Uploads
    var executions: Executions
    var logs: Logs
    var idempotencyKeys: Keys
    var mirrors: Mirrors
    var gateway: Disk
}

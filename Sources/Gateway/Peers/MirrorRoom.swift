import Messages

/// How much the copies of other gateways' logs take, and which go: those read longest ago where it is too much, and those
/// that nobody has read for long. Decides only.
struct MirrorRoom {
    struct Bounds: Sendable, Equatable {
        /// Of all copies together.
        var bytes: UInt64 = 4 << 30
        /// After a copy was last read.
        var kept = Duration.seconds(7 * 86_400)
    }

    private struct Mirror {
        var bytes: UInt64
        /// Greater: used later.
        var use: UInt64
        /// Unix milliseconds.
        var usedAt: Int64
    }

    let bounds: Bounds
    private var mirrors: [ExecutionID: Mirror] = [:]
    private var uses: UInt64 = 0

    init(_ bounds: Bounds) { self.bounds = bounds }

    var bytes: UInt64 { mirrors.values.reduce(0) { $0 + $1.bytes } }
    var count: Int { mirrors.count }
    var isOverfull: Bool { bytes > bounds.bytes }

    /// Somebody reads it now, or has read it until now; in Unix milliseconds.
    mutating func use(_ id: ExecutionID, bytes: UInt64, at now: Int64) {
        uses += 1
        mirrors[id] = Mirror(bytes: bytes, use: uses, usedAt: now)
    }

    mutating func grew(_ id: ExecutionID, to bytes: UInt64) { mirrors[id]?.bytes = bytes }

    mutating func forget(_ id: ExecutionID) { mirrors[id] = nil }

    /// The copies to be let go, those used longest ago first; none of those that are open.
    mutating func leaving(open: Set<ExecutionID>, at now: Int64) -> [ExecutionID] {
        let cutoff = Retention.cutoff(bounds.kept, at: now)
        var (left, total) = ([ExecutionID](), bytes)
        for (id, mirror) in mirrors.sorted(by: { $0.value.use < $1.value.use }) where !open.contains(id) {
            guard total > bounds.bytes || mirror.usedAt < cutoff else { continue }
            total -= mirror.bytes
            mirrors[id] = nil
            left.append(id)
        }
        return left
    }
}

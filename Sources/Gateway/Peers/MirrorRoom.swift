import Messages

/// How much the copies of other gateways' logs take, and which goes first where that is too much. Decides only.
struct MirrorRoom {
    private struct Mirror {
        var bytes: UInt64
        /// Greater: used later.
        var use: UInt64
    }

    let mostBytes: UInt64
    private var mirrors: [ExecutionID: Mirror] = [:]
    private var uses: UInt64 = 0

    init(mostBytes: UInt64) { self.mostBytes = mostBytes }

    var bytes: UInt64 { mirrors.values.reduce(0) { $0 + $1.bytes } }

    /// Somebody reads it now.
    mutating func use(_ id: ExecutionID, bytes: UInt64) {
        uses += 1
        mirrors[id] = Mirror(bytes: bytes, use: uses)
    }

    mutating func grew(_ id: ExecutionID, to bytes: UInt64) { mirrors[id]?.bytes = bytes }

    mutating func forget(_ id: ExecutionID) { mirrors[id] = nil }

    /// The copies to be let go, those used longest ago first; none of those that are open.
    mutating func leaving(open: Set<ExecutionID>) -> [ExecutionID] {
        var (left, total) = ([ExecutionID](), bytes)
        for (id, mirror) in mirrors.sorted(by: { $0.value.use < $1.value.use }) where total > mostBytes {
            guard !open.contains(id) else { continue }
            total -= mirror.bytes
            mirrors[id] = nil
            left.append(id)
        }
        return left
    }
}

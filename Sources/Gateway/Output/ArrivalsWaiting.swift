import Synchronization

/// What has come by the bus and waits for the copier. The output lane may drop, and so it does here where more comes than can
/// be copied: what is missing is asked for, and the lines of those that print little come through.
final class ArrivalsWaiting: Sendable {
    /// Bytes that may wait before long slices are let go of, and before ranges are.
    private static let mostOfSlices = 12 << 20
    private static let most = 24 << 20

    private struct State {
        var batches = 0
        var bytes = 0
        var letGo = 0
        /// No batch that waits came before this.
        var since = Duration.zero
    }

    private let state = Mutex(State())

    /// When the oldest of what waits may have come; nil where nothing does.
    var since: Duration? { state.withLock { $0.batches > 0 ? $0.since : nil } }

    /// What of it is to be copied.
    func came(_ arrivals: [Arrival], at now: Duration) -> [Arrival] {
        state.withLock { state in
            let waiting = state.bytes
            let kept =
                waiting < Self.mostOfSlices
                ? arrivals : arrivals.filter { !$0.isLong || ($0.isRange && waiting < Self.most) }
            if state.batches == 0 { state.since = now }
            state.batches += 1
            state.bytes += Self.bytes(of: kept)
            if kept.count < arrivals.count { state.letGo += Self.bytes(of: arrivals) - Self.bytes(of: kept) }
            return kept
        }
    }

    /// `came` is when the batch had come; those behind it came no earlier.
    func taken(_ arrivals: [Arrival], came: Duration) {
        state.withLock { state in
            state.batches -= 1
            state.bytes -= Self.bytes(of: arrivals)
            state.since = came
        }
    }

    /// Bytes that were let go of since this was asked the last time.
    func takeLetGo() -> Int {
        state.withLock { state in
            defer { state.letGo = 0 }
            return state.letGo
        }
    }

    private static func bytes(of arrivals: [Arrival]) -> Int { arrivals.reduce(0) { $0 + $1.length } }
}

extension Arrival {
    fileprivate var length: Int {
        switch self {
        case .slice(_, _, let bytes), .range(_, _, let bytes): bytes.count
        default: 0
        }
    }

    fileprivate var isLong: Bool { length >= 8 << 10 }

    fileprivate var isRange: Bool { if case .range = self { true } else { false } }
}

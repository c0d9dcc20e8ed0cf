import Synchronization

/// What has come by the bus and waits for the copier. The output lane may drop, and so it does here where more comes than can
/// be copied: what is missing is asked for, and the lines of those that print little come through.
final class ArrivalsWaiting: Sendable {
    /// Bytes that may wait before long slices are let go of, and before ranges are.
    private static let mostOfSlices = 12 << 20
    private static let most = 24 << 20

    private let batches = Atomic<Int>(0)
    private let bytes = Atomic<Int>(0)

    var isEmpty: Bool { batches.load(ordering: .relaxed) <= 0 }

    /// What of it is to be copied.
    func came(_ arrivals: [Arrival]) -> [Arrival] {
        let waiting = bytes.load(ordering: .relaxed)
        let kept =
            waiting < Self.mostOfSlices
            ? arrivals : arrivals.filter { !$0.isLong || ($0.isRange && waiting < Self.most) }
        batches.add(1, ordering: .relaxed)
        bytes.add(Self.bytes(of: kept), ordering: .relaxed)
        return kept
    }

    func taken(_ arrivals: [Arrival]) {
        batches.subtract(1, ordering: .relaxed)
        bytes.subtract(Self.bytes(of: arrivals), ordering: .relaxed)
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

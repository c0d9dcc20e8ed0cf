import Messages

/// One command as it ran: what it wrote, and how it ended.
final class Truth {
    let spool: UInt64
    /// Where its records end.
    private(set) var ends: [UInt64] = []
    private var boundaries: Set<UInt64> = [0]
    var finalLength: UInt64?
    var ending: RunState?
    var living = 0
    /// Let go of because it was too much, before it was copied.
    private(set) var letGo: [(from: UInt64, to: UInt64)] = []
    /// Not on the disk when the machine lost its power.
    private(set) var lostFrom: UInt64?

    init(spool: UInt64) { self.spool = spool }

    var length: UInt64 { ends.last ?? 0 }

    func grew(by bytes: Int) {
        let end = length + UInt64(bytes)
        ends.append(end)
        boundaries.insert(end)
    }

    func lose(from position: UInt64, to: UInt64) { letGo.append((position, to)) }
    func losePower(from position: UInt64) { lostFrom = min(lostFrom ?? position, position) }

    func isBoundary(_ position: UInt64) -> Bool { boundaries.contains(position) }

    /// Whether something of this range is not to be had any more, and no part of what lies before it is counted as lost.
    func isLost(_ from: UInt64, _ to: UInt64) -> Bool {
        if let lostFrom, to > lostFrom { return true }
        return letGo.contains { $0.from < to && $0.to > from }
    }
}

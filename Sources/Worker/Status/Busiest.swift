/// Which processes used the processor most between two scans. Decides only.
struct Busiest {
    static let most = 10

    struct Entry: Equatable {
        var pid: Int32
        var name: [UInt8]
        var ticks: UInt64
        var pages: UInt64
    }

    private struct Seen {
        var started: UInt64
        var ticks: UInt64
    }

    private var before: [Int32: Seen] = [:]
    private var now: [Int32: Seen] = [:]
    private var isFirst = true
    private var top: [Entry] = []

    /// Takes one process in. A process that was not there before has done all its work since.
    mutating func take(_ pid: Int32, _ times: ProcessTimes) {
        now[pid] = Seen(started: times.started, ticks: times.ticks)
        var ticks = isFirst ? 0 : times.ticks
        if let old = before[pid], old.started == times.started {
            ticks = times.ticks > old.ticks ? times.ticks - old.ticks : 0
        }
        if top.count == Self.most, let last = top.last, (last.ticks, last.pages) >= (ticks, times.pages) { return }
        let index = top.firstIndex { ($0.ticks, $0.pages) < (ticks, times.pages) } ?? top.count
        top.insert(Entry(pid: pid, name: Array(times.name), ticks: ticks, pages: times.pages), at: index)
        if top.count > Self.most { top.removeLast() }
    }

    /// The scan is over: the busiest first; what uses nothing by its memory.
    mutating func finish() -> [Entry] {
        swap(&before, &now)
        now.removeAll(keepingCapacity: true)
        isFirst = false
        defer { top.removeAll(keepingCapacity: true) }
        return top
    }
}

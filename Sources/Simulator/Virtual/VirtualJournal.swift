import Gateway
import Messages

/// A gateway's journal in virtual time: what is in it survives whatever happens to the gateway.
struct VirtualJournal {
    struct Entry {
        let number: Int
        let head: ExecutionHead
        let order: [UInt8]
        var reports: [Int: (report: WireReport, since: Int64)] = [:]
        var stops: [Int: StopWish] = [:]
        var isComplete = false

        /// As the real journal gives it back.
        var execution: Execution {
            var execution = Execution(head)
            for (run, kept) in reports { execution.runs[run].apply(kept.report, since: kept.since) }
            for (run, wish) in stops { execution.runs[run].stop = wish }
            for run in execution.runs.indices { execution.runs[run].wasSent = true }
            return execution
        }
    }

    private(set) var order: [ExecutionID] = []
    private var entries: [ExecutionID: Entry] = [:]
    private var numbers: [Int: ExecutionID] = [:]

    subscript(id: ExecutionID) -> Entry? { entries[id] }

    /// What was stored before for the same request.
    func known(_ number: Int) -> ExecutionID? { numbers[number] }

    var unfinished: [Entry] { order.compactMap { entries[$0] }.filter { !$0.isComplete } }

    mutating func insert(_ entry: Entry) {
        guard numbers[entry.number] == nil else { return }
        numbers[entry.number] = entry.head.id
        entries[entry.head.id] = entry
        order.append(entry.head.id)
    }

    mutating func write(_ key: RunKey, _ report: WireReport, since: Int64) {
        entries[key.execution]?.reports[key.run] = (report, since)
    }

    mutating func wish(_ id: ExecutionID, _ runs: [Int], _ wish: StopWish) {
        for run in runs { entries[id]?.stops[run] = wish }
    }

    mutating func complete(_ id: ExecutionID) {
        entries[id]?.isComplete = true
        entries[id]?.stops = [:]
    }
}

/// The log of an execution: how far each run goes, and how much of that is on the disk whatever happens.
struct VirtualLog {
    private(set) var ends: [UInt64]
    private(set) var synced: [UInt64]

    init(runs: Int) {
        ends = Array(repeating: 0, count: runs)
        synced = ends
    }

    mutating func append(_ run: Int, to end: UInt64) { ends[run] = end }
    mutating func synchronise() { synced = ends }
    mutating func losePower() { ends = synced }
}

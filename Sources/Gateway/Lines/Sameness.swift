import Messages
import Spool

/// Which runs of an execution have written the same: a digest of each stream of each run, which grows with the log.
struct Sameness: Sendable {
    /// A piece of work ends at the first entry beyond these.
    static let pieceBytes = 4 << 20

    /// Runs with the same output.
    struct Group: Equatable, Sendable {
        /// Ascending.
        var runs: [UInt32]
        var lines: Int
        var bytes: Int
    }

    private struct Output: Sendable {
        // SipHash with a key of this process: who writes the output cannot know what would collide.
        var digests = [Spool.Stream.stdout: Hasher(), .stderr: Hasher()]
        var lines = 0
        var bytes = 0
        var lost = 0
    }

    private struct Key: Hashable {
        var stdout: Int
        var stderr: Int
        var lines: Int
        var bytes: Int
        var lost: Int
    }

    private var outputs: [UInt32: Output] = [:]
    /// Items of the index that are taken in.
    private(set) var items = 0

    /// Takes in a piece of what comes before item `end`.
    mutating func advance(_ log: LogItems, to end: Int) throws(LogReader.Problem) {
        var bytes = 0
        while items < end, bytes < Self.pieceBytes {
            for item in try log.items(from: items, limit: min(LineMap.blockItems, end - items)) {
                try take(item, log)
                items += 1
                bytes += LogEntry.headerSize + Int(item.length)
                if bytes >= Self.pieceBytes { return }
            }
        }
    }

    /// The groups, the small ones first: what differs is looked at first. Runs that have written nothing are a group too.
    func groups(runs count: Int) -> [Group] {
        var groups: [Key: Group] = [:]
        for run in 0..<UInt32(clamping: count) {
            let output = outputs[run] ?? Output()
            let key = Key(
                stdout: output.digests[.stdout]?.finalize() ?? 0, stderr: output.digests[.stderr]?.finalize() ?? 0,
                lines: output.lines, bytes: output.bytes, lost: output.lost)
            groups[key, default: Group(runs: [], lines: output.lines, bytes: output.bytes)].runs.append(run)
        }
        return groups.values.sorted { ($0.runs.count, $0.runs.first ?? 0) < ($1.runs.count, $1.runs.first ?? 0) }
    }

    private mutating func take(_ item: LogIndex.Item, _ log: LogItems) throws(LogReader.Problem) {
        let (entry, records) = try log.entry(item)
        var output = outputs.removeValue(forKey: item.run) ?? Output()
        defer { outputs[item.run] = output }
        // What is lost is nobody else's.
        guard !item.isGap else { return output.lost = Int(clamping: entry.to &+ UInt64(item.run)) }
        output.lines += Int(item.stdoutLines) + Int(item.stderrLines)
        records.withUnsafeBytes { bytes in
            var offset = 0
            while case .success(let record) = RecordCursor.record(in: bytes, at: offset, checks: false) {
                offset = record.range.upperBound
                guard output.digests[record.stream] != nil else { continue }
                output.digests[record.stream]?.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes[record.range]))
                output.bytes += record.range.count
            }
        }
    }
}

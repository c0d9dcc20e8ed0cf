import Messages
import Spool
import Synchronization

extension LineReading {
    /// A call answers after so long with what it has, and is made again for the rest.
    static let groupingTime = Duration.seconds(1)

    /// Runs with equal output, as the API shows them.
    struct Groups: Encodable, Sendable {
        struct Group: Encodable, Sendable {
            var nodes: [String]
            /// The first of the runs: its output is that of all.
            var run: UInt32
            var lines: Int
            var bytes: Int
        }
        var groups: [Group]
        /// All that is in the log is looked at.
        var isWhole: Bool
    }

    /// The runs of an execution that have written the same so far, the odd ones first.
    func groups(of id: ExecutionID, nodes: [UInt32: String], user: String) async throws -> Groups {
        let log = try items(of: id)
        let key = log.reader.log
        let began = ContinuousClock.now
        var (same, end) = (sameness.withLock { $0[key] } ?? Sameness(), 0)
        repeat {
            let known = same
            (same, end) = try await room.read(for: user) {
                var next = known
                let end = try log.count()
                try next.advance(log, to: end)
                return (next, end)
            }
        } while same.items < end && began.duration(to: .now) < Self.groupingTime
        sameness.withLock { [same] in $0[key] = same }
        let groups = same.groups(runs: nodes.count).map { group in
            Groups.Group(
                nodes: group.runs.compactMap { nodes[$0] }, run: group.runs.first ?? 0, lines: group.lines,
                bytes: group.bytes)
        }
        return Groups(groups: groups, isWhole: same.items >= end)
    }
}

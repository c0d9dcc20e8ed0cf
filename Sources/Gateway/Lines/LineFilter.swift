import Spool

/// Which lines of an execution are meant. A line's number is its place among these, by where its newline stands in the log.
struct LineFilter: Hashable, Sendable {
    /// By their numbers; nil for all.
    var runs: Set<UInt32>?
    var hasStdout = true
    var hasStderr = true

    func takes(_ run: UInt32) -> Bool { runs?.contains(run) ?? true }

    func takes(_ stream: Spool.Stream) -> Bool {
        switch stream {
        case .stdout: hasStdout
        case .stderr: hasStderr
        case .control, .terminal: false
        }
    }

    /// How many lines end in an entry; a gap is one line, whatever the streams.
    func lines(in item: LogIndex.Item) -> Int {
        guard takes(item.run) else { return 0 }
        guard !item.isGap else { return 1 }
        return (hasStdout ? Int(item.stdoutLines) : 0) + (hasStderr ? Int(item.stderrLines) : 0)
    }
}

/// Where bytes come from: a stream of a run. Lines of two sources are never joined.
struct LineSource: Hashable, Comparable, Sendable {
    let run: UInt32
    let stream: Spool.Stream

    static func < (one: LineSource, other: LineSource) -> Bool {
        (one.run, one.stream.rawValue) < (other.run, other.stream.rawValue)
    }
}

extension LogIndex.Item {
    var isGap: Bool { length == 0 }

    func lines(of stream: Spool.Stream) -> Int {
        switch stream {
        case .stdout: Int(stdoutLines)
        case .stderr: Int(stderrLines)
        case .control, .terminal: 0
        }
    }
}

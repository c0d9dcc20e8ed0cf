import Messages

/// What became of an execution: the exit code, and which nodes failed and why.
struct Outcome {
    let runs: [Run]

    init(_ runs: some Sequence<Run>) { self.runs = runs.sorted { $0.run < $1.run } }

    /// The largest of the nodes' codes. 125 when any node never ran or was interrupted: it wins over all.
    var exitCode: Int32 {
        let codes = runs.map(\.exitCode)
        return codes.contains(Run.neverRan) ? Run.neverRan : codes.max() ?? 0
    }

    var failedNodes: String { NodeSet.fold(runs.filter { $0.exitCode != 0 }.compactMap { NodeName($0.node) }) }

    /// The failed nodes by their reasons, as in `node2: refused: exists: …; node[5-6]: exit code 3`; nil where none failed.
    var failures: String? {
        var groups: [(words: String, nodes: [NodeName])] = []
        for run in runs where run.exitCode != 0 {
            guard let node = NodeName(run.node) else { continue }
            if let index = groups.firstIndex(where: { $0.words == run.words }) {
                groups[index].nodes.append(node)
            } else {
                groups.append((run.words, [node]))
            }
        }
        guard !groups.isEmpty else { return nil }
        return groups.map { group in
            let words = group.words.hasSuffix(".") ? String(group.words.dropLast()) : group.words
            return "\(NodeSet.fold(group.nodes)): \(words)"
        }.joined(separator: "; ")
    }

    /// Whether some node did not get as far as to run the command to its end by itself.
    var hasTrouble: Bool { runs.contains { $0.exitCode != 0 && $0.state != "exited" } }
}

extension Run {
    /// What a script sees when a node never ran the command or lost it.
    static let neverRan: Int32 = 125

    var exitCode: Int32 {
        switch state {
        case "exited": code ?? Self.neverRan
        case "placed": terminal ? 0 : Self.neverRan
        case "signalled": 128 + (signal ?? 0)
        case "timed-out": 124
        case "stopped": 130
        case "out-of-memory": 137
        default: Self.neverRan
        }
    }

    /// The state in words.
    var words: String {
        let plain =
            switch state {
            case "exited": "exit code \(code ?? -1)"
            case "signalled": "ended by signal \(signal ?? 0)"
            case "timed-out": "timed out"
            case "out-of-memory": "out of memory"
            case "fetching": "fetching \(percent ?? 0) %"
            case "running": pid.map { "running (process \($0))" } ?? "running"
            default: state
            }
        return reason.map { "\(plain): \($0.code): \($0.sentence)" } ?? plain
    }
}

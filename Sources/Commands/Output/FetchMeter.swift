import Synchronization

/// A line on the terminal that says how far the nodes are with fetching; silent where stderr is no terminal. It makes way for
/// output, which several tasks write through it one after another.
final class FetchMeter: Sendable {
    private struct State {
        var runs: [String: [Run]] = [:]
        var text = ""
    }

    private let isShown = StandardStreams.isTerminal(.stderr)
    private let state = Mutex(State())
    private static let mostNodes = 4

    /// Writes output, and then the line anew; false where nobody reads any more.
    func write(_ buffer: inout OutputBuffer, of execution: String, _ runs: some Sequence<Run>) -> Bool {
        let pieces = buffer.take()
        let fetching = isShown ? Array(runs) : []
        return state.withLock { state in
            if isShown { state.runs[execution] = fetching }
            let text = isShown ? Self.text(state.runs.values.flatMap { $0 }) : ""
            if !state.text.isEmpty, !pieces.isEmpty || text != state.text {
                StandardStreams.write(Array("\r\u{1B}[K".utf8), to: .stderr)
                state.text = ""
            }
            guard pieces.allSatisfy({ StandardStreams.write($0.bytes, to: $0.target) }) else { return false }
            if text != state.text {
                StandardStreams.write(Array(text.utf8), to: .stderr)
                state.text = text
            }
            return true
        }
    }

    /// `fetching: node1 40 %, node2 7 % and 3 more; 2 placed`; empty where nothing is fetched.
    static func text(_ runs: [Run]) -> String {
        let fetching = runs.filter { $0.state == "fetching" }.sorted {
            ($0.percent ?? 0, $0.run) < ($1.percent ?? 0, $1.run)
        }
        guard !fetching.isEmpty else { return "" }
        let shown = fetching.prefix(mostNodes).map { "\($0.node) \($0.percent ?? 0) %" }.joined(separator: ", ")
        let rest = fetching.count > mostNodes ? " and \(fetching.count - mostNodes) more" : ""
        let beyond = runs.count { !["waiting", "delivered", "fetching"].contains($0.state) }
        return "fetching: \(shown)\(rest)" + (beyond > 0 ? "; \(beyond) beyond" : "")
    }
}

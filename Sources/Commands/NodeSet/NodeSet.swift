import Messages

/// A set of nodes as people write it: `node[1-3,7]`, `web[01-20]!web07`, `a[1-9]&*[5-6]`, `*`.
///
/// Parts are taken from left to right: `,` (or a space) adds, `!` takes away, `&` keeps what is in both. A part with `*`
/// or `?` outside brackets stands for the registered nodes that match it.
struct NodeSet: Equatable {
    enum Operation: Equatable { case add, remove, keep }

    enum Names: Equatable {
        case listed([NodeName])
        case matching(String)
    }

    struct Part: Equatable {
        var operation: Operation
        var names: Names
    }

    let parts: [Part]

    init(_ text: String) throws(NodeSetError) {
        var parts: [Part] = []
        for (operation, word) in try NodeSetScanner.words(of: text) {
            parts.append(Part(operation: operation, names: try Self.names(word)))
        }
        guard !parts.isEmpty else { throw .empty }
        self.parts = parts
    }

    /// Whether the registered nodes must be known before `names(registered:)` can answer.
    var asksForRegistered: Bool {
        parts.contains { if case .matching = $0.names { true } else { false } }
    }

    /// The names, each once, in natural order. A listed name need not be registered.
    func names(registered: [NodeName] = []) -> [NodeName] {
        var found: Set<NodeName> = []
        for part in parts {
            let names: [NodeName] =
                switch part.names {
                case .listed(let names): names
                case .matching(let pattern): registered.filter { Wildcard.matches($0.description, pattern) }
                }
            switch part.operation {
            case .add: found.formUnion(names)
            case .remove: found.subtract(names)
            case .keep: found.formIntersection(names)
            }
        }
        return found.sorted()
    }

    private static func names(_ word: String) throws(NodeSetError) -> Names {
        if word.hasPrefix("@") { throw .groupUnknown(word) }
        if word.contains(where: { $0 == "*" || $0 == "?" }) { return .matching(word) }
        var names: [NodeName] = []
        for text in try NodeSetScanner.expand(word) {
            guard let name = NodeName(text) else { throw .badName(text) }
            names.append(name)
        }
        return .listed(names)
    }
}

enum NodeSetError: Error, Equatable, CustomStringConvertible {
    case empty
    case unbalanced(String)
    case badRange(String)
    case badName(String)
    case groupUnknown(String)
    case tooMany(limit: Int)

    var description: String {
        switch self {
        case .empty: "no node is named"
        case .unbalanced(let text): "a bracket is missing in '\(text)'"
        case .badRange(let text): "'\(text)' is no range: write 1-5, 01-20, 1-9/2 or a number"
        case .badName(let text): "'\(text)' cannot be the name of a node"
        case .groupUnknown(let text): "no group '\(text)' is known"
        case .tooMany(let limit): "more than \(limit) names"
        }
    }
}

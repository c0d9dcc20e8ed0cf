/// Which topics somebody listens to, at which broker.
struct Interest: Equatable, Sendable {
    private var prefixes: [Int: Set<[UInt8]>] = [:]

    mutating func change(_ prefix: [UInt8], at broker: Int, isWanted: Bool) {
        if isWanted {
            prefixes[broker, default: []].insert(prefix)
        } else {
            prefixes[broker]?.remove(prefix)
        }
    }

    mutating func lost(_ broker: Int) { prefixes[broker] = nil }

    /// The brokers at which somebody listens to this topic.
    func brokers(for topic: [UInt8]) -> [Int] {
        prefixes.filter { $0.value.contains { topic.starts(with: $0) } }.map(\.key).sorted()
    }
}

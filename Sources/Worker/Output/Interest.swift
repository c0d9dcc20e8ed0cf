/// Which topics somebody listens to, at which broker.
///
/// A broker that is lost says so itself: with the connection of the output lane all that was wanted over it ends.
struct Interest: Equatable, Sendable {
    private var prefixes: [Int: Set<[UInt8]>] = [:]

    mutating func change(_ prefix: [UInt8], at broker: Int, isWanted: Bool) {
        if isWanted {
            prefixes[broker, default: []].insert(prefix)
        } else {
            prefixes[broker]?.remove(prefix)
        }
    }

    /// The brokers at which somebody listens to this topic.
    func brokers(for topic: [UInt8]) -> [Int] {
        prefixes.filter { $0.value.contains { topic.starts(with: $0) } }.map(\.key).sorted()
    }
}

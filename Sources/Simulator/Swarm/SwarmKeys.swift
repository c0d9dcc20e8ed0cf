package import Bus
package import Messages
import Sodium

/// The keys of a swarm's nodes: drawn from a seed, so that registry and swarm know the same ones.
package struct SwarmKeys: Sendable {
    let prefix: String
    let seed: UInt64

    /// Nodes are called `<prefix>1`, `<prefix>2` and so on.
    package init(prefix: String, seed: UInt64) {
        (self.prefix, self.seed) = (prefix, seed)
    }

    package func name(_ number: Int) -> NodeName? { NodeName("\(prefix)\(number)") }

    package func pair(_ number: Int) -> KeyPair {
        var writer = ByteWriter(capacity: 16)
        writer.u64(seed)
        writer.u64(UInt64(number))
        return KeyPair(secretKey: Blake2b.hash(Array("estiba swarm v1 \(prefix)".utf8), writer.bytes))
    }

    /// The lines that let the swarm in at brokers and gateways (docs/protocol.md §9).
    package func registryLines(_ nodes: ClosedRange<Int>) -> String {
        nodes.map { "node:\(prefix)\($0) \(pair($0).publicText)\n" }.joined()
    }
}

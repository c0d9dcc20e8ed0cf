/// A number over the nodes that one end holds present: two ends that hold the same have the same (docs/protocol.md §3).
///
/// FNV-1a of each node's name and sequence, summed, so that the order does not matter. Never 0, which says nothing.
package struct RosterDigest: Sendable {
    private var sum: UInt64 = 0

    package init() {}

    package var value: UInt64 { max(sum, 1) }

    package mutating func add(_ node: String, sequence: UInt64) {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in node.utf8 { Self.mix(byte, into: &hash) }
        withUnsafeBytes(of: sequence.littleEndian) { for byte in $0 { Self.mix(byte, into: &hash) } }
        sum &+= hash
    }

    private static func mix(_ byte: UInt8, into hash: inout UInt64) {
        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
    }
}

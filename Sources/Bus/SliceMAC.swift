package import Messages
private import Sodium

/// The MAC of a slice: keyed BLAKE2b-256 over topic, the header's first 32 bytes and the records.
package enum SliceMAC {
    package static func compute(
        topic: [UInt8], header: SliceHeader, records: UnsafeRawBufferPointer, keys: NodeKeys
    ) -> [UInt8] {
        let hasher = Blake2b.Hasher(key: keys.output)
        hasher.update(topic)
        hasher.update(header.coveredBytes)
        hasher.update(records)
        return hasher.finish()
    }

    package static func compute(topic: [UInt8], header: SliceHeader, records: [UInt8], keys: NodeKeys) -> [UInt8] {
        records.withUnsafeBytes { compute(topic: topic, header: header, records: $0, keys: keys) }
    }

    /// Whether the header's own MAC is right.
    package static func isValid(topic: [UInt8], header: SliceHeader, records: [UInt8], keys: NodeKeys) -> Bool {
        MAC.isEqual(header.mac, compute(topic: topic, header: header, records: records, keys: keys))
    }
}

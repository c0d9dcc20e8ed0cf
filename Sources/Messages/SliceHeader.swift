/// The fixed 64 bytes in front of a slice's records (docs/protocol.md §5). Names are in the topic, not here.
package struct SliceHeader: Hashable, Sendable {
    package static let size = 64
    /// What the MAC covers of it.
    package static let covered = 32
    /// No position in a spool lies beyond; a sum of a few of them is still a number.
    package static let greatestPosition = UInt64(Int64.max)

    package var length: UInt32
    package var spool: UInt64
    package var position: UInt64
    package var timeNanoseconds: UInt64
    package var mac: [UInt8]

    package init(length: UInt32, spool: UInt64, position: UInt64, timeNanoseconds: UInt64, mac: [UInt8] = []) {
        self.length = length
        self.spool = spool
        self.position = position
        self.timeNanoseconds = timeNanoseconds
        self.mac = mac
    }

    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.size else { return nil }
        var reader = ByteReader(bytes)
        guard reader.u8() == 1, reader.u8() == 0, reader.u16() == 0 else { return nil }
        length = reader.u32()
        spool = reader.u64()
        position = reader.u64()
        timeNanoseconds = reader.u64()
        mac = reader.take(32)
        guard position <= Self.greatestPosition - UInt64(length) else { return nil }
    }

    /// The bytes that the MAC covers, without it.
    package var coveredBytes: [UInt8] {
        var writer = ByteWriter(capacity: Self.size)
        writer.u8(1)
        writer.u8(0)
        writer.u16(0)
        writer.u32(length)
        writer.u64(spool)
        writer.u64(position)
        writer.u64(timeNanoseconds)
        return writer.bytes
    }

    package var bytes: [UInt8] { coveredBytes + mac }
}

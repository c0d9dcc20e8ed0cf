private import Synchronization

/// The version of the wire: one integer.
///
/// - 1 (2026-11-23): the first.
package enum ProtocolVersion {
    /// The newest and the oldest that this program speaks, as 256 * newest + oldest: one word, read for every header.
    private static let range = Atomic<UInt16>(0x0101)

    package static var newest: UInt8 { UInt8(range.load(ordering: .relaxed) >> 8) }
    package static var oldest: UInt8 { UInt8(range.load(ordering: .relaxed) & 0xFF) }

    /// What headers are written in: what all that know this program's oldest can read.
    package static var written: UInt8 { oldest }

    package static func isSpoken(_ version: UInt8) -> Bool { (oldest...newest).contains(version) }

    /// The version two peers speak: the newest both know, or none.
    package static func common(oldest: UInt32, newest: UInt32) -> UInt8? {
        let top = min(UInt32(Self.newest), newest)
        return top >= max(UInt32(Self.oldest), oldest) ? UInt8(top) : nil
    }

    /// Makes this process speak other versions than it was built for, so that tests can stand for older and newer programs.
    package static func pretend(_ versions: ClosedRange<UInt8>) {
        range.store(UInt16(versions.upperBound) << 8 | UInt16(versions.lowerBound), ordering: .relaxed)
    }
}

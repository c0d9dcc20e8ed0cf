/// The version of the wire: one integer.
///
/// - 1 (2026-11-23): the first.
package enum ProtocolVersion {
    package static let newest: UInt8 = 1
    package static let oldest: UInt8 = 1

    /// The version two peers speak: the newest both know, or none.
    package static func common(oldest: UInt32, newest: UInt32) -> UInt8? {
        let top = min(UInt32(Self.newest), newest)
        return top >= max(UInt32(Self.oldest), oldest) ? UInt8(top) : nil
    }
}

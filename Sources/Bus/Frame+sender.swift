private import Sodium
package import ZeroMQ

extension Frame {
    /// What the doorkeeper says of a connection beside its `User-Id`.
    static let keyProperty: StaticString = "Estiba-Key"

    /// The public key by which the frame's connection came in, 32 bytes.
    ///
    /// A principal may have been given another key since: who acts by the old one is nobody any more.
    package var senderKey: [UInt8]? { property(Self.keyProperty).flatMap { Hex.decode($0) } }
}

private import Sodium

/// The key under which the gateways of one installation vouch to one another (docs/protocol.md §4): drawn from the
/// authority's secret, so no broker and no node has it.
package struct PeerKey: Sendable, Equatable {
    let bytes: [UInt8]

    package init(authoritySecret: [UInt8]) {
        bytes = KeyDerivation.derive(context: "peers___", from: authoritySecret)
    }
}

/// The key never shows in what is printed or logged with it.
extension PeerKey: CustomStringConvertible, CustomReflectable {
    package var description: String { "key of the gateways" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

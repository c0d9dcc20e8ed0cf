private import Synchronization

/// The programs' own version, for people; peers compare `ProtocolVersion`.
package enum Program {
    private static let pretended = Mutex<String?>(nil)

    package static var version: String { pretended.withLock { $0 } ?? "0.1.0" }

    /// Makes this process call itself another version, for tests of upgrades.
    package static func pretend(_ version: String) { pretended.withLock { $0 = version } }
}

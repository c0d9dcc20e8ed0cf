import Bus
import Messages
import SwiftProtobuf

/// What the node says of itself.
extension Node {
    var hello: WireHello {
        let settings = site.settings
        return .with {
            $0.versionOldest = UInt32(ProtocolVersion.oldest)
            $0.versionNewest = UInt32(ProtocolVersion.newest)
            $0.program = Program.version
            $0.addresses = Addresses.read()
            $0.labels = settings.labels
            $0.facts = facts
            $0.takes = ["deploy", "run", "shell"]
            $0.runs = liveRuns.map { .init($0.bytes) }
            $0.enrolment = NodeKeys.enrolment(of: settings.key.publicKey)
            $0.startedMilliseconds = startedMilliseconds
            $0.profiles = site.profiles.wire
            $0.services = site.services.services.wire
        }
    }

    /// Says it anew to every broker: what it offers or announces has changed.
    func sayHello() { site.link?.setHello(hello) }
}

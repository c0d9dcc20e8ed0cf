import FoundationEssentials
import Glibc
import Hummingbird
import Messages
import NIOCore

/// What only an operator may ask for.
extension WebResponder {
    /// Takes over the folder of a gateway that is gone: NDJSON while it goes on, the last line with `"done":true`.
    func adopt(_ asked: Asked) async throws -> Response {
        struct Wish: Decodable { var folder: String }
        let identity = try asked.requireVisitor().identity
        guard operators.contains(identity) else {
            throw Refusal(.forbidden, .notPermitted, "Only an operator may do that: the gateway's setting `operators`.")
        }
        let wish = try decode(Wish.self, from: asked)
        let handover = Handover()
        let (adopter, revoker, gate) = (core.adopter, core.revoker, gate)
        return try stream("application/x-ndjson", asked, handover) {
            do {
                try await adopter.adopt(wish.folder) { progress in try await handover.send(Self.line(progress)) }
                for one in try revoker.standing() { gate.revoke(one) }
            } catch let failure as Failure {
                // The head is out: a refusal is a line like the others.
                try await handover.send(Self.line(["error": FailureView(failure)]))
            }
        }
    }
}

/// Who may administrate: root, the account the gateway runs as, and whom its settings name.
struct Operators: Sendable {
    var names: Set<String> = []

    func contains(_ identity: Identity) -> Bool {
        identity.uid == 0 || identity.uid == geteuid() || names.contains(identity.user)
    }
}

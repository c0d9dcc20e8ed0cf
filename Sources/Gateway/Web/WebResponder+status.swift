import HTTPTypes
import Hummingbird
import Messages
import NIOCore

extension WebResponder {
    /// NDJSON: nodes' figures, once each or as they come.
    func status(_ asked: Asked) async throws -> Response {
        var request = StatusFollow.Request()
        if let text = asked.target.query["nodes"] {
            request.nodes = text.split(separator: ",").map(String.init)
        }
        request.isBrief = asked.flag("brief")
        request.milliseconds = Int(clamping: try asked.number("milliseconds") ?? 1000)
        let follow = try StatusFollow(request, core: core)
        let handover = Handover()
        let follows = asked.flag("follow")
        return try stream("application/x-ndjson", asked, handover) {
            let send: @Sendable (ByteBuffer) async throws -> Void = { try await handover.send($0) }
            if follows { try await follow.follow(send) } else { try await follow.once(send) }
        }
    }

    /// All live runs of mine on some nodes.
    func stopMine(_ asked: Asked) async throws -> Response {
        struct Wish: Decodable {
            var nodes: [String]
            var graceMilliseconds: UInt64?
        }
        struct Answer: Encodable { var stopping: [StoppingView] }
        let wish = try decode(Wish.self, from: asked)
        let stopping = try await core.executions.stopAll(
            on: wish.nodes, graceMilliseconds: wish.graceMilliseconds, by: asked.requireVisitor().identity)
        return try .json(Answer(stopping: stopping), status: .accepted)
    }
}

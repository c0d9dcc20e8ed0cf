import FoundationEssentials
import Messages

/// What a client says on the WebSocket (docs/protocol.md §10).
enum LiveCommand: Sendable {
    enum Subject: String, Decodable, Sendable { case nodes, executions }

    case follow(OutputFollow.Request)
    case unfollow(UInt32)
    case watch(Subject)
    case watchStatus(StatusFollow.Request)
    case unwatch(UInt32)

    private struct Body: Decodable {
        var type: String
        var id: UInt32?
        var execution: String?
        var log: String?
        var offset: UInt64?
        var node: String?
        var position: UInt64?
        var what: Subject?
        var output: Bool?
        var nodes: [String]?
        var milliseconds: Int?
        var brief: Bool?
        var most: UInt64?
    }

    /// A command that makes no sense throws `bad_request`, with the follow's id where it has one.
    init(_ text: String) throws(Problem) {
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(text.utf8)) else { throw Problem(id: nil) }
        switch (body.type, body.id) {
        case ("follow", let id?):
            guard let execution = body.execution.flatMap({ ExecutionID($0) }) else {
                throw Problem(id: id, failure: Failure(.unknownExecution, "There is no such execution."))
            }
            var request = OutputFollow.Request(id: id, execution: execution)
            if let log = body.log {
                guard let number = UInt64(log, radix: 16) else { throw Problem(id: id) }
                request.log = number
            }
            (request.offset, request.node, request.position) = (body.offset, body.node, body.position)
            request.output = body.output ?? true
            request.most = body.most
            self = .follow(request)
        case ("unfollow", let id?): self = .unfollow(id)
        case ("watch-status", let id?):
            self = .watchStatus(
                StatusFollow.Request(
                    id: id, nodes: body.nodes, milliseconds: body.milliseconds ?? 1000, isBrief: body.brief ?? false))
        case ("unwatch", let id?): self = .unwatch(id)
        case ("watch", _):
            guard let subject = body.what else { throw Problem(id: body.id) }
            self = .watch(subject)
        default: throw Problem(id: body.id)
        }
    }

    struct Problem: Error {
        var id: UInt32?
        var failure = Failure(.badRequest, "The command is not understood.")
    }
}

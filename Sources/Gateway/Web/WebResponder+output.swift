import HTTPTypes
import Hummingbird
import Messages
import NIOCore
import ServiceLifecycle
import Spool

extension WebResponder {
    /// The stream of frames, as on the WebSocket.
    func frames(_ asked: Asked) async throws -> Response {
        let handover = Handover()
        let follow = try await OutputFollow(
            request(asked), user: asked.requireVisitor().identity.user, core: core
        ) { frame in try await handover.send(frame.streamed()) }
        return try stream("application/octet-stream", asked, handover, awaySince: follow.ownerAwaySince) {
            try await follow.run()
        }
    }

    /// NDJSON: a record a line.
    func output(_ asked: Asked) async throws -> Response {
        let handover = Handover()
        let user = try asked.requireVisitor().identity.user
        let lines = OutputLines(try await core.executions.show(asked.execution(), user: user))
        let follow = try await OutputFollow(request(asked), user: user, core: core) { frame in
            guard case .entries(_, _, let piece) = frame else { return }
            let buffer = try lines.lines(of: piece)
            if buffer.readableBytes > 0 { try await handover.send(buffer) }
        }
        return try stream("application/x-ndjson", asked, handover, awaySince: follow.ownerAwaySince) {
            try await follow.run()
        }
    }

    /// The very bytes of one stream of one run.
    func raw(_ asked: Asked) async throws -> Response {
        guard asked.target.query["node"] != nil else {
            throw Refusal(.badRequest, .badRequest, "Say of which node: node=NAME.")
        }
        guard let source = Spool.Stream(word: asked.target.query["stream"] ?? "stdout") else {
            throw Refusal(.badRequest, .badRequest, "stream is stdout, stderr or terminal.")
        }
        let handover = Handover()
        let follow = try await OutputFollow(
            request(asked), user: asked.requireVisitor().identity.user, core: core
        ) { frame in
            guard case .entries(_, _, let piece) = frame else { return }
            // The very bytes are not there, and nothing in between could say so: the answer ends short.
            if piece.isDamaged { throw Failure(.internal, "The log of this execution is damaged.") }
            let buffer = try OutputBytes.bytes(of: piece, source)
            if buffer.readableBytes > 0 { try await handover.send(buffer) }
        }
        return try stream("application/octet-stream", asked, handover, awaySince: follow.ownerAwaySince) {
            try await follow.run()
        }
    }

    private func request(_ asked: Asked) throws(Refusal) -> OutputFollow.Request {
        var request = OutputFollow.Request(execution: try asked.execution())
        request.offset = try asked.number("offset")
        request.node = asked.target.query["node"]
        request.position = try asked.number("position")
        request.follows = asked.flag("follow")
        if let log = asked.target.query["log"] {
            guard let number = UInt64(log, radix: 16) else {
                throw Refusal(.badRequest, .badRequest, "log is 16 hex digits.")
            }
            request.log = number
        }
        return request
    }

    /// An answer that is written while it is made, until it is done, the client is gone, or the session or server ends.
    /// `awaySince` is when the gateway went away that has the rest.
    func stream(
        _ type: String, _ asked: Asked, _ handover: Handover, awaySince: Int64? = nil,
        _ make: @escaping @Sendable () async throws -> Void
    ) throws -> Response {
        let visitor = try asked.requireVisitor()
        let channel = asked.context.channel
        let gone = Signal()
        channel.closeFuture.whenComplete { _ in gone.fire() }
        let answer = ResponseBody { writer in
            do {
                try await openConnections.with(channel, of: visitor, at: gate) {
                    let watch = Task {
                        try await gate.watch(visitor)
                        channel.close(promise: nil)
                    }
                    defer { watch.cancel() }
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            defer { handover.finish() }
                            let whole: Void? = try await gone.ends { try await cancelWhenGracefulShutdown(make) }
                            guard whole != nil else { throw CancellationError() }
                        }
                        while let piece = await handover.next() { try await writer.write(piece) }
                        try await group.waitForAll()
                    }
                }
            } catch {
                // The head is out: that the connection ends is all that can say that this is not the whole.
                channel.close(promise: nil)
                throw error
            }
            try await writer.finish(nil)
        }
        var headers: HTTPFields = [.contentType: type]
        // Not all of it may be here, and no more comes before the owner is back.
        if let awaySince, let name = HTTPField.Name("Estiba-Owner-Away") { headers[name] = "\(awaySince)" }
        return Response(status: .ok, headers: headers, body: answer)
    }
}

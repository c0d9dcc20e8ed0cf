import FoundationEssentials
import HTTPTypes
import Hummingbird
import Messages
import NIOCore

extension WebResponder {
    /// Goes to the endpoint of the request's route.
    func answer(_ asked: Asked) async throws -> Response {
        switch asked.route.endpoint {
        case .login: try await login(asked)
        case .loginByCode: try loginByCode(asked)
        case .logout: try await logout(asked)
        case .whoami: try whoami(asked)
        case .nodes: try nodes(asked)
        case .upload: try await upload(asked)
        case .beginUpload: try await beginUpload(asked)
        case .bring: try await bring(asked)
        case .showUpload: try await showUpload(asked)
        case .endUpload: try await endUpload(asked)
        case .submit: try await submit(asked)
        case .submitAll: try await submitAll(asked)
        case .rollBack: try await rollBack(asked)
        case .list: try await list(asked)
        case .show: try await show(asked)
        case .frames: try await frames(asked)
        case .output: try await output(asked)
        case .raw: try await raw(asked)
        case .runs: try await runs(asked)
        case .lines: try await lines(asked)
        case .search: try await search(asked)
        case .text: try await text(asked)
        case .groups: try await groups(asked)
        case .stop: try await stop(asked)
        case .services: try services(asked)
        case .removeService: try await removeService(asked)
        case .grantKey: try await grantKey(asked)
        case .listKeys: try await listKeys(asked)
        case .removeKey: try await removeKey(asked)
        case .stopMine: try await stopMine(asked)
        case .status: try await status(asked)
        case .adopt: try await adopt(asked)
        case .sessions: try await sessions(asked)
        case .revokeSessions: try await revokeSessions(asked)
        case .storage: try .json(try await core.storage(of: asked.requireVisitor().identity.user))
        case .live: try live(asked)
        case .openapi: try pages.response(["openapi.yaml"], ifNoneMatch: asked.request.headers[.ifNoneMatch])
        case .health: try .json(["status": core.logs.refusalForRoom(core.retention) == nil ? "ok" : "full"])
        case .page: try pages.response(asked.target.path, ifNoneMatch: asked.request.headers[.ifNoneMatch])
        }
    }

    func decode<Value: Decodable>(_ type: Value.Type, from asked: Asked) throws(Refusal) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(asked.body.readableBytesView))
        } catch {
            throw Refusal(.badRequest, .badRequest, "The body is not the JSON that belongs here.")
        }
    }

    private func nodes(_ asked: Asked) throws -> Response {
        struct Answer: Encodable { var nodes: [NodeView] }
        let user = try asked.requireVisitor().identity.user
        return try .json(Answer(nodes: core.nodes.snapshot().map { $0.seen(by: user) }))
    }

    private func list(_ asked: Asked) async throws -> Response {
        struct Answer: Encodable { var executions: [ExecutionView] }
        var before: ExecutionID?
        if let text = asked.target.query["before"] {
            guard let id = ExecutionID(text) else { throw Refusal.noSuchExecution }
            before = id
        }
        let limit = Int(clamping: min(try asked.number("limit") ?? 50, 1000))
        let views = try await core.executions.list(
            user: asked.requireVisitor().identity.user, active: asked.flag("active"), limit: limit, before: before)
        return try .json(Answer(executions: views))
    }

    private func show(_ asked: Asked) async throws -> Response {
        try .json(try await core.executions.show(asked.execution(), user: asked.requireVisitor().identity.user))
    }

    private func stop(_ asked: Asked) async throws -> Response {
        struct Wish: Decodable {
            var nodes: [String]?
            var graceMilliseconds: UInt64?
        }
        let wish = asked.body.readableBytes == 0 ? Wish() : try decode(Wish.self, from: asked)
        let visitor = try asked.requireVisitor()
        let id = try asked.execution()
        try await core.executions.stop(
            id, nodes: wish.nodes, graceMilliseconds: wish.graceMilliseconds, by: visitor.identity)
        return try .json(try await core.executions.show(id, user: visitor.identity.user), status: .accepted)
    }

    /// Streams the body to the disk. One that is cut off throws out of here, and with its writer goes what was written.
    private func upload(_ asked: Asked) async throws -> Response {
        struct Answer: Encodable {
            var blob: String
            var size: UInt64
        }
        let writer = try core.blobs.writer(for: asked.requireVisitor().identity.user)
        let body = BodyReader(request: asked.request, limitBytes: largestUploadBytes)
        try await body.forEach { piece in try await writer.write(piece) }
        let (blob, size) = try await writer.finish()
        return try .json(Answer(blob: blob.description, size: size), status: .created)
    }

    /// A request for the WebSocket that was not let through to it: says why.
    private func live(_ asked: Asked) throws -> Response {
        _ = try gate.admitUpgrade(asked.facts)
        var refusal = Refusal(.upgradeRequired, .badRequest, "This address is a WebSocket, version 13.")
        refusal.headers[.upgrade] = "websocket"
        refusal.headers[.connection] = "Upgrade"
        throw refusal
    }
}

import HTTPTypes
import Hummingbird
import Messages
import NIOCore

/// Taking requests on.
extension WebResponder {
    func submit(_ asked: Asked) async throws -> Response {
        let wish = try decode(ExecutionRequest.self, from: asked)
        let (view, isNew) = try await core.executions.submit(
            wish, by: asked.requireVisitor().identity, idempotencyKey: asked.idempotencyKey)
        return try .json(view, status: isNew ? .accepted : .ok)
    }

    func submitAll(_ asked: Asked) async throws -> Response {
        struct Wish: Decodable { var executions: [ExecutionRequest] }
        let wish = try decode(Wish.self, from: asked)
        let (view, isNew) = try await core.executions.submit(
            all: wish.executions, by: asked.requireVisitor().identity, idempotencyKey: asked.idempotencyKey)
        return try .json(view, status: isNew ? .accepted : .ok)
    }

    func rollBack(_ asked: Asked) async throws -> Response {
        struct Wish: Decodable { var nodes: [String]? }
        let wish = asked.body.readableBytes == 0 ? Wish() : try decode(Wish.self, from: asked)
        let (view, isNew) = try await core.executions.rollBack(
            asked.execution(), nodes: wish.nodes, by: asked.requireVisitor().identity,
            idempotencyKey: asked.idempotencyKey)
        return try .json(view, status: isNew ? .accepted : .ok)
    }
}

extension Asked {
    fileprivate var idempotencyKey: String? {
        HTTPField.Name("Idempotency-Key").flatMap { request.headers[$0] }
    }
}

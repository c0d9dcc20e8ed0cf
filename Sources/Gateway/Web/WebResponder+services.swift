import Hummingbird

/// Service names: those of the one who asks.
extension WebResponder {
    func services(_ asked: Asked) throws -> Response {
        struct Answer: Encodable { var services: [ServiceView] }
        return try .json(Answer(services: core.services.list(of: asked.requireVisitor().identity.user)))
    }

    func removeService(_ asked: Asked) async throws -> Response {
        struct Wish: Decodable {
            var name: String
            var nodes: [String]?
        }
        let wish = try decode(Wish.self, from: asked)
        let user = try asked.requireVisitor().identity.user
        return try .json(try await core.services.remove(wish.name, user: user, nodes: wish.nodes))
    }
}

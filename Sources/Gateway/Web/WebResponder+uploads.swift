import HTTPTypes
import Hummingbird
import Messages
import NIOCore
import Sodium

/// Uploads that may be cut off and gone on with.
extension WebResponder {
    func beginUpload(_ asked: Asked) async throws -> Response {
        struct Wish: Decodable {
            var size: UInt64
            /// The hashes of the chunks, in base64url.
            var list: String?
        }
        let wish = try decode(Wish.self, from: asked)
        guard wish.size <= largestUploadBytes else { throw Refusal.tooLarge }
        guard let list = Base64URL.decode(wish.list ?? "") else {
            throw Refusal(.badRequest, .badRequest, "list is base64url without padding.")
        }
        let (view, isNew) = try await core.uploads.begin(
            size: wish.size, list: list, user: asked.requireVisitor().identity.user)
        return try .json(view, status: isNew ? .created : .ok)
    }

    func showUpload(_ asked: Asked) async throws -> Response {
        try .json(try await core.uploads.view(asked.upload(), of: asked.requireVisitor().identity.user))
    }

    func endUpload(_ asked: Asked) async throws -> Response {
        try await core.uploads.remove(asked.upload(), of: asked.requireVisitor().identity.user)
        return Response(status: .noContent)
    }

    /// Takes bytes until the body or what is missing there ends. What came of a body that is cut off stays.
    func bring(_ asked: Asked) async throws -> Response {
        let (id, user) = (try asked.upload(), try asked.requireVisitor().identity.user)
        guard let offset = try asked.number("offset") else {
            throw Refusal(.badRequest, .badRequest, "Say where the bytes belong: offset=N.")
        }
        if let view = await core.uploads.ended(id, of: user) { return try .json(view, status: .created) }
        let upload = try await core.uploads.find(id, of: user)
        let (room, turn): (UInt64, Int)
        switch await upload.take(at: offset) {
        case .room(let bytes, let given): (room, turn) = (bytes, given)
        case .wrongOffset(let view):
            throw Refusal(.conflict, "That is not where the upload goes on: it is at byte \(view.offset ?? 0).", view)
        case .busy(let view):
            throw Refusal(.busy, "Another connection is at this upload.", view)
        }
        do {
            let length = asked.request.headers[.contentLength].flatMap { UInt64($0) } ?? 0
            guard length <= room else { throw Refusal.tooLarge }
            let body = BodyReader(request: asked.request, limitBytes: largestUploadBytes)
            try await body.forEach { piece in try await upload.write(piece, turn: turn) }
        } catch {
            await upload.release(turn)
            throw error
        }
        let view = try await core.uploads.settle(upload, turn)
        return try .json(view, status: view.blob == nil ? .ok : .created)
    }
}

extension Refusal {
    /// Not now or not there: says how far the upload is.
    fileprivate init(_ code: Failure.Code, _ sentence: String, _ view: UploadView) {
        self.init(.conflict, code, sentence)
        failure.offset = view.offset
        failure.missing = view.missing
    }
}

extension Asked {
    fileprivate func upload() throws(Failure) -> UploadID {
        guard let id = parameters["upload"].flatMap({ UploadID($0) }) else { throw Upload.unknown }
        return id
    }
}

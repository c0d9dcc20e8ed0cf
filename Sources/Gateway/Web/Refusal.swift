import FoundationEssentials
import HTTPTypes
import Hummingbird
import Messages
import NIOCore

/// A request that is not granted: what the API says, and how HTTP says it.
struct Refusal: Error, Equatable, Sendable {
    var status: HTTPResponse.Status
    var failure: FailureView
    var headers: HTTPFields = [:]

    init(_ status: HTTPResponse.Status, _ code: Failure.Code, _ sentence: String, nodes: [String]? = nil) {
        self.status = status
        failure = FailureView(code: code.rawValue, sentence: sentence, nodes: nodes)
    }

    /// The status that goes with a failure of the core.
    init(_ failure: Failure) {
        let nodes = failure.nodes.isEmpty ? nil : failure.nodes
        self.init(Self.status(of: failure.code), failure.code, failure.sentence, nodes: nodes)
        if status == .serviceUnavailable { headers[.retryAfter] = "5" }
    }

    static let notLoggedIn = {
        var refusal = Refusal(.unauthorized, .notLoggedIn, "You are not logged in.")
        refusal.headers[.wwwAuthenticate] = "Bearer"
        return refusal
    }()
    /// The same for a wrong password, an unknown user and an account that may not log in.
    static let loginFailed = Refusal(.unauthorized, .loginFailed, "The name and the password do not fit together.")
    static let nothingThere = Refusal(.notFound, .notFound, "There is nothing at this address.")
    static let noSuchExecution = Refusal(.notFound, .unknownExecution, "There is no such execution.")
    static let otherOrigin = Refusal(.forbidden, .notPermitted, "The request comes from another site.")
    static let badTarget = Refusal(.badRequest, .badRequest, "The address of the request is not understood.")
    static let tooLarge = Refusal(.contentTooLarge, .tooLarge, "The request is larger than allowed.")
    static let tooSlow = Refusal(.requestTimeout, .busy, "The request came too slowly.")
    static let `internal` = Refusal(.internalServerError, .internal, "The gateway met an error; its log says more.")

    private static func status(of code: Failure.Code) -> HTTPResponse.Status {
        switch code {
        case .notLoggedIn, .loginFailed: .unauthorized
        case .notPermitted: .forbidden
        case .notFound, .unknownExecution, .unknownService, .unknownUpload, .gone: .notFound
        case .conflict, .duplicate, .exists, .offsetAhead, .nothingKept: .conflict
        case .tooLarge: .contentTooLarge
        case .tooMany: .tooManyRequests
        case .busy, .unreachable: .serviceUnavailable
        case .noSpace: .init(code: 507, reasonPhrase: "Insufficient Storage")
        case .internal: .internalServerError
        default: .badRequest
        }
    }

    var response: Response {
        struct Body: Encodable { var error: FailureView }
        var response = (try? Response.json(Body(error: failure), status: status)) ?? Response(status: status)
        for field in headers { response.headers.append(field) }
        return response
    }
}

extension Response {
    /// An answer of JSON.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        let bytes = try JSONEncoder.plain.encode(value)
        return Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

extension JSONEncoder {
    /// The same bytes for the same thing, so that refusals cannot be told apart by their order; slashes as they are.
    static var plain: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}

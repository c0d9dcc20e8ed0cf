import HTTPTypes
import Hummingbird
import Logging
import Messages
import NIOCore

/// What a request brings besides itself.
struct WebContext: InitializableFromSource {
    let channel: any Channel
    let logger: Logger

    init(source: ApplicationRequestContextSource) {
        channel = source.channel
        logger = source.logger
    }
}

/// Answers requests: the rules first, in one order for all, then the endpoint that the route table names.
struct WebResponder: HTTPResponder {
    typealias Context = WebContext

    let gate: Gate
    let core: GatewayCore
    let passwords: PasswordCheck?
    let codes: LoginCodes?
    let accounts: AccountRule
    let operators: Operators
    let pages: PageFiles
    let openConnections: OpenConnections
    let bodyRoom = BodyRoom()
    let largestUploadBytes: Int
    let isBehindProxy: Bool

    func respond(to request: Request, context: WebContext) async throws -> Response {
        var response: Response
        var isPrivate = true
        do {
            guard let target = Target(request.head.path ?? "") else { throw Refusal.badTarget }
            isPrivate = target.path.first == "api" || target.path == ["health"]
            response = try await answer(request, target, context)
        } catch let refusal as Refusal {
            response = Self.refused(request, refusal)
        } catch let failure as Failure {
            response = Self.refused(request, Refusal(failure))
        } catch {
            context.logger.error("a request failed", metadata: ["error": "\(error)", "method": "\(request.method)"])
            response = Self.refused(request, .internal)
        }
        SecurityHeaders(isSecure: gate.hosts.isTLS || isBehindProxy).add(to: &response.headers, isPrivate: isPrivate)
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func answer(_ request: Request, _ target: Target, _ context: WebContext) async throws -> Response {
        let facts = RequestFacts(request.head)
        if let refusal = gate.hosts.check(host: facts.host) { throw refusal }
        let (route, parameters) = try Self.route(request.method, target)
        var visitor: Visitor?
        if route.access == .loggedIn { visitor = try gate.admit(facts) }
        try gate.checkOrigin(facts, visitor)
        let share = visitor.map { bodyRoom.share(of: $0.identity.user) }
        let body = try await body(of: request, route, share)
        // It may have been ended while the body was on its way.
        if let visitor, !gate.isAlive(visitor) { throw Refusal.notLoggedIn }
        let asked = Asked(
            route: route, target: target, parameters: parameters, facts: facts, visitor: visitor, body: body,
            request: request, context: context, address: address(facts, context), share: share)
        var response = try await answer(asked)
        if let visitor, visitor.isReissueDue, route.endpoint != .logout {
            let token = gate.seal(visitor)
            let name = visitor.isByCookie ? .setCookie : HTTPField.Name("Estiba-Token")
            let value = visitor.isByCookie ? gate.cookie(token) : token
            if let name { response.headers.append(HTTPField(name: name, value: value)) }
        }
        return response
    }

    private static func route(
        _ method: HTTPRequest.Method, _ target: Target
    ) throws(Refusal) -> (Route, [String: String]) {
        switch RouteTable.match(method, target.path) {
        case .route(let route, let parameters): return (route, parameters)
        case .nothing: throw .nothingThere
        case .otherMethods(let methods):
            var refusal = Refusal(.methodNotAllowed, .badRequest, "This address does not take that method.")
            let all = methods + (methods.contains(.get) ? [.head] : [])
            refusal.headers[.allow] = all.map(\.rawValue).joined(separator: ", ")
            throw refusal
        }
    }

    private func body(
        of request: Request, _ route: Route, _ share: BodyRoom.Share?
    ) async throws -> ByteBuffer {
        if let encoding = request.headers[.contentEncoding], encoding.lowercased() != "identity" {
            throw Refusal(.unsupportedMediaType, .badRequest, "Bodies are taken as they are, without an encoding.")
        }
        let length = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        switch route.body {
        case .none: return ByteBuffer()
        case .streamed:
            guard length <= largestUploadBytes else { throw Refusal.tooLarge }
            return ByteBuffer()
        case .whole(let limitBytes):
            guard length <= limitBytes else { throw Refusal.tooLarge }
            return try await BodyReader(request: request, limitBytes: limitBytes, share: share).whole()
        }
    }

    /// A refused request may have a body that nobody reads: its connection ends.
    private static func refused(_ request: Request, _ refusal: Refusal) -> Response {
        var response = refusal.response
        let fields = request.headers
        if fields.contains(.transferEncoding) || (fields[.contentLength].flatMap { Int($0) } ?? 0) > 0 {
            response.headers[.connection] = "close"
        }
        return response
    }

    /// Where the request comes from: behind a proxy, what the proxy says.
    private func address(_ facts: RequestFacts, _ context: WebContext) -> String {
        let last = facts.forwardedFor?.split(separator: ",").last.map { $0.filter { $0 != " " } }
        if isBehindProxy, let last { return last }
        return context.channel.remoteAddress?.ipAddress ?? "unknown"
    }
}

/// A request that has passed the rules.
struct Asked: Sendable {
    let route: Route
    let target: Target
    let parameters: [String: String]
    let facts: RequestFacts
    let visitor: Visitor?
    let body: ByteBuffer
    let request: Request
    let context: WebContext
    let address: String
    /// The room that the body takes, as long as this is held.
    let share: BodyRoom.Share?

    /// Who asks, where the route lets only those in who are logged in.
    func requireVisitor() throws(Refusal) -> Visitor {
        guard let visitor else { throw .notLoggedIn }
        return visitor
    }

    func execution() throws(Refusal) -> ExecutionID {
        guard let id = parameters["execution"].flatMap({ ExecutionID($0) }) else { throw .noSuchExecution }
        return id
    }

    func flag(_ name: String) -> Bool { ["true", "1", ""].contains(target.query[name]) }

    /// Nil where it is absent; throws where it is no number.
    func number(_ name: String) throws(Refusal) -> UInt64? {
        guard let text = target.query[name] else { return nil }
        guard let number = UInt64(text) else { throw Refusal(.badRequest, .badRequest, "\(name) is a number.") }
        return number
    }
}

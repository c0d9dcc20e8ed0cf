import HTTPTypes

/// One thing the server answers: a row of the route table.
struct Route: Hashable, Sendable {
    enum Endpoint: Hashable, Sendable, CaseIterable {
        case lines, search, text, groups, runs
        case login, loginByCode, logout, whoami, nodes, upload, submit, list, show, frames, output, raw, stop, live
        case services, removeService
        case beginUpload, bring, showUpload, endUpload, submitAll, rollBack
        case grantKey, listKeys, removeKey
        case status, stopMine, storage
        case adopt, sessions, revokeSessions
        case openapi, health, page
    }

    enum Access: Hashable, Sendable { case anyone, loggedIn }

    enum Body: Hashable, Sendable {
        case none
        /// Read whole before the endpoint runs.
        case whole(limitBytes: Int)
        /// Handed to the endpoint piece by piece.
        case streamed
    }

    let method: HTTPRequest.Method
    /// Parts in braces match any one part; a last part `{path...}` matches the rest.
    let path: String
    let access: Access
    let body: Body
    let endpoint: Endpoint

    init(
        _ method: HTTPRequest.Method, _ path: String, _ endpoint: Endpoint, _ access: Access = .loggedIn,
        body: Body = .none
    ) {
        (self.method, self.path, self.access, self.body, self.endpoint) = (method, path, access, body, endpoint)
    }

    /// Whether a request of this method may change something.
    var isUnsafe: Bool { RouteTable.isUnsafe(method) }
}

/// What there is to ask for, and who may: the only place from which requests find their endpoints.
enum RouteTable {
    private static let api = "/api/v1"
    private static let small = Route.Body.whole(limitBytes: 16 << 10)

    static let routes: [Route] = [
        Route(.post, api + "/login", .login, .anyone, body: small),
        Route(.post, api + "/login/code", .loginByCode, .anyone, body: small),
        Route(.post, api + "/logout", .logout, body: small),
        Route(.get, api + "/whoami", .whoami),
        Route(.get, api + "/nodes", .nodes),
        Route(.post, api + "/blobs", .upload, body: .streamed),
        Route(.post, api + "/uploads", .beginUpload, body: .whole(limitBytes: 8 << 20)),
        Route(.patch, api + "/uploads/{upload}", .bring, body: .streamed),
        Route(.get, api + "/uploads/{upload}", .showUpload),
        Route(.delete, api + "/uploads/{upload}", .endUpload),
        Route(.post, api + "/executions", .submit, body: .whole(limitBytes: 4 << 20)),
        Route(.post, api + "/submissions", .submitAll, body: .whole(limitBytes: 8 << 20)),
        Route(.post, api + "/executions/{execution}/rollback", .rollBack, body: .whole(limitBytes: 1 << 20)),
        Route(.get, api + "/executions", .list),
        Route(.get, api + "/executions/{execution}", .show),
        Route(.get, api + "/executions/{execution}/frames", .frames),
        Route(.get, api + "/executions/{execution}/output", .output),
        Route(.get, api + "/executions/{execution}/raw", .raw),
        Route(.get, api + "/runs", .runs),
        Route(.get, api + "/executions/{execution}/lines", .lines),
        Route(.get, api + "/executions/{execution}/search", .search),
        Route(.get, api + "/executions/{execution}/text", .text),
        Route(.get, api + "/executions/{execution}/groups", .groups),
        Route(.post, api + "/executions/{execution}/stop", .stop, body: .whole(limitBytes: 1 << 20)),
        Route(.get, api + "/services", .services),
        Route(.post, api + "/services/remove", .removeService, body: .whole(limitBytes: 1 << 20)),
        Route(.post, api + "/subscribe-keys", .grantKey, body: small),
        Route(.get, api + "/subscribe-keys", .listKeys),
        Route(.delete, api + "/subscribe-keys/{name}", .removeKey),
        Route(.post, api + "/stop", .stopMine, body: .whole(limitBytes: 1 << 20)),
        Route(.post, api + "/adopt", .adopt, body: small),
        Route(.get, api + "/sessions", .sessions),
        Route(.post, api + "/sessions/revoke", .revokeSessions, body: small),
        Route(.get, api + "/status", .status),
        Route(.get, api + "/storage", .storage),
        Route(.get, api + "/live", .live),
        Route(.get, api + "/openapi.yaml", .openapi, .anyone),
        Route(.get, "/health", .health, .anyone),
        Route(.get, "/{path...}", .page, .anyone),
    ]

    static let livePath = api + "/live"

    enum Match: Equatable {
        case route(Route, parameters: [String: String])
        /// The path is there, for other methods.
        case otherMethods([HTTPRequest.Method])
        case nothing
    }

    static func isUnsafe(_ method: HTTPRequest.Method) -> Bool { method != .get && method != .head }

    /// Finds the row for a method and a decoded path. HEAD finds what GET finds. Nothing under `/api` is a page.
    static func match(_ method: HTTPRequest.Method, _ path: [String]) -> Match {
        let sought = method == .head ? .get : method
        var others: [HTTPRequest.Method] = []
        for route in routes {
            guard let parameters = parameters(of: route.path, in: path) else { continue }
            if route.endpoint == .page, path.first == "api" { continue }
            if route.method == sought { return .route(route, parameters: parameters) }
            if !others.contains(route.method) { others.append(route.method) }
        }
        return others.isEmpty ? .nothing : .otherMethods(others)
    }

    private static func parameters(of pattern: String, in path: [String]) -> [String: String]? {
        var parameters: [String: String] = [:]
        var rest = path[...]
        for part in pattern.split(separator: "/") {
            if part.hasSuffix("...}") { return parameters }
            guard let found = rest.popFirst() else { return nil }
            if part.hasPrefix("{") {
                parameters[String(part.dropFirst().dropLast())] = found
            } else if part != found {
                return nil
            }
        }
        return rest.isEmpty ? parameters : nil
    }
}

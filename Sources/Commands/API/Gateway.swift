import AsyncHTTPClient
import FoundationEssentials
import Messages
import NIOCore
import NIOHTTP1
import NIOPosix
import Spool

/// The HTTP API of a gateway, as the command line uses it.
struct Gateway: Sendable {
    let url: String
    let token: String?

    /// How long a request is tried again while the gateway does not answer: long enough for it to be restarted.
    static let patience = Duration.seconds(5)
    private static let answerTime = TimeAmount.seconds(60)
    /// One client for the life of the process, on one thread.
    private static let client = HTTPClient(
        eventLoopGroup: MultiThreadedEventLoopGroup(numberOfThreads: 1),
        configuration: HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(5), read: nil), connectionPool: .init(idleTimeout: .seconds(30))))

    init(_ login: StoredLogin = .current()) {
        url = login.gateway.hasSuffix("/") ? String(login.gateway.dropLast()) : login.gateway
        token = login.token
    }

    /// The gateway for what needs a login.
    static func loggedIn() throws(CommandError) -> Gateway {
        let gateway = Gateway()
        guard gateway.token != nil else { throw .notLoggedIn(gateway: gateway.url) }
        return gateway
    }

    func get<Answer: Decodable>(_ path: String, as: Answer.Type = Answer.self) async throws -> Answer {
        try await ask(request(.GET, path))
    }

    /// The answer as it came.
    func bytes(_ path: String) async throws -> [UInt8] {
        Array((try await answer(request(.GET, path))).readableBytesView)
    }

    func post<Answer: Decodable>(
        _ path: String, _ body: some Encodable, key: String? = nil, within time: TimeAmount = .seconds(60),
        as: Answer.Type = Answer.self
    ) async throws -> Answer {
        try decode(try await answer(try postRequest(path, body, key: key), within: time))
    }

    /// A request whose answer is of no interest but for a refusal.
    func post(_ path: String, _ body: some Encodable) async throws {
        _ = try await answer(try postRequest(path, body))
    }

    /// Removes what the path names.
    func delete(_ path: String) async throws { _ = try await answer(request(.DELETE, path)) }

    /// Sends a body piece by piece by PATCH; the caller knows how to go on where it is cut.
    func send<Pieces: AsyncSequence & Sendable, Answer: Decodable>(
        _ path: String, _ pieces: Pieces, count: Int64, as: Answer.Type = Answer.self
    ) async throws -> Answer where Pieces.Element == ByteBuffer {
        var request = request(.PATCH, path)
        request.headers.add(name: "Content-Type", value: "application/octet-stream")
        request.body = .stream(pieces, length: .known(count))
        return try decode(try await once(request, deadline: .distantFuture))
    }

    /// Opens a stream whose bytes are read as they come.
    func open(_ path: String) async throws -> HTTPClientResponse.Body {
        let response = try await execute(request(.GET, path), deadline: .distantFuture)
        guard response.status == .ok else {
            throw try refusal(response.status, await response.body.collect(upTo: 1 << 20))
        }
        return response.body
    }

    /// Sends a body and opens the stream that answers it.
    func open(_ path: String, posting body: some Encodable) async throws -> HTTPClientResponse.Body {
        let response = try await execute(postRequest(path, body), deadline: .distantFuture)
        guard response.status == .ok else {
            throw try refusal(response.status, await response.body.collect(upTo: 1 << 20))
        }
        return response.body
    }

    private func request(_ method: HTTPMethod, _ path: String) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: "\(url)/api/v1/\(path)")
        request.method = method
        request.headers.add(name: "User-Agent", value: "estiba")
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        return request
    }

    private func postRequest(_ path: String, _ body: some Encodable, key: String? = nil) throws -> HTTPClientRequest {
        var request = request(.POST, path)
        request.headers.add(name: "Content-Type", value: "application/json")
        if let key { request.headers.add(name: "Idempotency-Key", value: key) }
        request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
        return request
    }

    private func ask<Answer: Decodable>(_ request: HTTPClientRequest) async throws -> Answer {
        try decode(try await answer(request))
    }

    private func decode<Answer: Decodable>(_ bytes: ByteBuffer) throws -> Answer {
        do {
            return try JSONDecoder().decode(Answer.self, from: Data(bytes.readableBytesView))
        } catch {
            throw CommandError.misunderstood("\(error)")
        }
    }

    /// Asks until there is an answer or patience ends. Only for what may be asked twice.
    private func answer(
        _ request: HTTPClientRequest, within time: TimeAmount = Self.answerTime
    ) async throws -> ByteBuffer {
        let end = ContinuousClock.now + Self.patience
        while true {
            do {
                return try await once(request, deadline: .now() + time)
            } catch let error as CommandError where error.mayPass && ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    private func once(_ request: HTTPClientRequest, deadline: NIODeadline) async throws -> ByteBuffer {
        let response = try await execute(request, deadline: deadline)
        let bytes: ByteBuffer
        do {
            bytes = try await response.body.collect(upTo: 64 << 20)
        } catch {
            throw CommandError.away(gateway: url, reason: Self.words(error))
        }
        guard (200..<300).contains(response.status.code) else { throw try refusal(response.status, bytes) }
        return bytes
    }

    private func execute(_ request: HTTPClientRequest, deadline: NIODeadline) async throws -> HTTPClientResponse {
        guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
            throw CommandError.usage("the gateway's address begins with http:// or https://, and \(url) does not")
        }
        do {
            let response = try await Self.client.execute(request, deadline: deadline)
            if let token, let renewed = response.headers.first(name: "Estiba-Token") {
                StoredLogin.renew(token, as: renewed)
            }
            return response
        } catch let error as CancellationError {
            throw error
        } catch {
            throw CommandError.away(gateway: url, reason: Self.words(error))
        }
    }

    private func refusal(_ status: HTTPResponseStatus, _ bytes: ByteBuffer) throws -> CommandError {
        let refusal = try? JSONDecoder().decode(Refusal.self, from: Data(bytes.readableBytesView))
        if status == .unauthorized, refusal?.error.code != "login_failed" { return .loginEnded(gateway: url) }
        guard let refusal else { return .misunderstood("HTTP \(status.code)") }
        return .refused(status: status.code, refusal.error)
    }

    /// The system's words for a connection that did not come about, without the library's.
    private static func words(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            (error.connectionErrors.first?.error as? IOError).map(reason) ?? "\(error)"
        case let error as IOError: reason(error)
        case let error as HTTPClientError: error.shortDescription
        default: "\(error)"
        }
    }

    private static func reason(_ error: IOError) -> String { SystemError("connect", errno: error.errnoCode).reason }
}

extension CommandError {
    /// Whether the same request may be answered a moment later.
    fileprivate var mayPass: Bool {
        switch self {
        case .away: true
        case .refused(let status, _): status == 503
        default: false
        }
    }
}

import HTTPTypes
import NIOHTTP1

/// What of a request decides whether it is let in; the same for a plain request and for an upgrade.
struct RequestFacts: Sendable {
    var isUnsafe: Bool
    var host: String?
    var origin: String?
    var authorization: String?
    var cookies: [String]
    var pageMark: String?
    var forwardedScheme: String?
    var forwardedFor: String?

    init(_ request: HTTPRequest) {
        let fields = request.headerFields
        isUnsafe = RouteTable.isUnsafe(request.method)
        host = request.authority
        origin = fields[.origin]
        authorization = fields[.authorization]
        cookies = fields[values: .cookie]
        pageMark = Self.name("X-Estiba").flatMap { fields[$0] }
        forwardedScheme = Self.name("X-Forwarded-Proto").flatMap { fields[$0] }
        forwardedFor = Self.name("X-Forwarded-For").flatMap { fields[$0] }
    }

    init(_ head: HTTPRequestHead) {
        isUnsafe = head.method != .GET && head.method != .HEAD
        host = head.headers.first(name: "Host")
        origin = head.headers.first(name: "Origin")
        authorization = head.headers.first(name: "Authorization")
        cookies = head.headers["Cookie"]
        pageMark = head.headers.first(name: "X-Estiba")
        forwardedScheme = head.headers.first(name: "X-Forwarded-Proto")
        forwardedFor = head.headers.first(name: "X-Forwarded-For")
    }

    private static func name(_ text: String) -> HTTPField.Name? { HTTPField.Name(text) }

    /// The value of a cookie; nil where it is absent or there twice, as when another site planted one.
    func cookie(_ name: String) -> String? {
        var values: [Substring] = []
        for line in cookies {
            for pair in line.split(separator: ";") {
                let pair = pair.drop { $0 == " " }
                if pair.hasPrefix(name + "=") { values.append(pair.dropFirst(name.count + 1)) }
            }
        }
        return values.count == 1 ? String(values[0]) : nil
    }

    var bearer: String? {
        guard let authorization, authorization.hasPrefix("Bearer ") else { return nil }
        return String(authorization.dropFirst(7))
    }
}

import Bus
import Hummingbird
import Messages
import Sodium

/// A user's own key for reading the bus, with what a program needs beside the secret half.
package struct SubscribeKeyView: Codable, Sendable, Equatable {
    package var name: String
    package var principal: String
    /// 16 hex digits, to be compared with the key file's.
    package var fingerprint: String
    /// Topic prefixes it may subscribe to.
    package var topics: [String]
    /// Unix milliseconds.
    package var created: Int64
    package var expires: Int64
}

/// Where subscribers connect.
package struct SubscribeBrokerView: Codable, Sendable, Equatable {
    /// As `tcp://192.0.2.1:7403`.
    package var endpoint: String
    /// 64 hex digits.
    package var publicKey: String
}

extension WebResponder {
    private struct One: Encodable {
        var user: String
        var key: SubscribeKeyView
        var brokers: [SubscribeBrokerView]
    }

    private struct All: Encodable {
        var user: String
        var keys: [SubscribeKeyView]
        var brokers: [SubscribeBrokerView]
    }

    /// Admits a public key; 201 for a new one, 200 where only its expiry is another.
    func grantKey(_ asked: Asked) async throws -> Response {
        struct Wish: Decodable {
            var name: String
            var key: String
            var days: Int?
        }
        let wish = try decode(Wish.self, from: asked)
        let user = try asked.requireVisitor().identity.user
        let (key, isNew) = try await core.grants.add(
            wish.name, key: wish.key, days: wish.days ?? Grants.defaultDays, for: user)
        return try .json(One(user: user, key: .init(key), brokers: brokers), status: isNew ? .created : .ok)
    }

    func listKeys(_ asked: Asked) async throws -> Response {
        let user = try asked.requireVisitor().identity.user
        let keys = try await core.grants.list(user: user)
        return try .json(All(user: user, keys: keys.map(SubscribeKeyView.init), brokers: brokers))
    }

    func removeKey(_ asked: Asked) async throws -> Response {
        let user = try asked.requireVisitor().identity.user
        try await core.grants.remove(asked.parameters["name"] ?? "", of: user)
        return Response(status: .noContent)
    }

    private var brokers: [SubscribeBrokerView] {
        core.grants.brokers.map {
            SubscribeBrokerView(endpoint: $0.endpoint(.subscribers), publicKey: Hex.encode($0.publicKey))
        }
    }
}

extension SubscribeKeyView {
    fileprivate init(_ key: Journal.SubscribeKey) {
        self.init(
            name: key.name, principal: Principal(user: key.user, key: key.name)?.description ?? "",
            fingerprint: Fingerprint.of(key.key), topics: Topic.prefixes(of: key.user), created: key.created,
            expires: key.expires)
    }
}

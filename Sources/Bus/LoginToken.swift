private import Messages
private import Sodium

/// Who is logged in: what the cookie and the CLI's bearer token hold (docs/protocol.md §4). Never a ticket.
package struct LoginToken: Sendable, Hashable {
    private static let version: UInt8 = 1
    private static let type: UInt8 = 1

    package var keyID: UInt16
    package var uid: UInt32
    package var issuedMilliseconds: Int64
    package var authenticatedMilliseconds: Int64
    /// 16 bytes.
    package var session: [UInt8]
    /// 1-255 bytes of UTF-8.
    package var user: String

    package init(
        keyID: UInt16 = 1, uid: UInt32, user: String, session: [UInt8] = Random.bytes(16), issuedMilliseconds: Int64,
        authenticatedMilliseconds: Int64
    ) {
        precondition(session.count == 16 && (1...255).contains(user.utf8.count))
        self.keyID = keyID
        self.uid = uid
        self.user = user
        self.session = session
        self.issuedMilliseconds = issuedMilliseconds
        self.authenticatedMilliseconds = authenticatedMilliseconds
    }

    /// The key of these tokens, which never leaves the gateways.
    package static func key(authoritySecret: [UInt8]) -> [UInt8] {
        KeyDerivation.derive(context: "cookie__", from: authoritySecret)
    }

    /// The text of cookie and header.
    package func seal(key: [UInt8]) -> String {
        Base64URL.encode(bytes + MAC.tag(bytes, key: key))
    }

    /// Checks the tag, then parses; nil for anything that `seal` has not made with this key. Time is not looked at.
    package static func open(_ text: some StringProtocol, key: [UInt8]) -> LoginToken? {
        guard text.utf8.count <= 512, let sealed = Base64URL.decode(text), sealed.count > MAC.size else { return nil }
        let bytes = Array(sealed.dropLast(MAC.size))
        guard MAC.isValid(sealed.suffix(MAC.size), bytes, key: key) else { return nil }
        return LoginToken(bytes: bytes)
    }

    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 41 + user.utf8.count)
        writer.u8(Self.version)
        writer.u8(Self.type)
        writer.u16(keyID)
        writer.u32(uid)
        writer.u64(UInt64(bitPattern: issuedMilliseconds))
        writer.u64(UInt64(bitPattern: authenticatedMilliseconds))
        writer.append(session)
        writer.short(user)
        return writer.bytes
    }

    init?(bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard reader.u8() == Self.version, reader.u8() == Self.type else { return nil }
        keyID = reader.u16()
        uid = reader.u32()
        issuedMilliseconds = Int64(bitPattern: reader.u64())
        authenticatedMilliseconds = Int64(bitPattern: reader.u64())
        session = reader.take(16)
        guard let user = reader.short(), !user.isEmpty, !reader.isShort, reader.remaining == 0 else { return nil }
        self.user = user
        guard self.bytes == bytes else { return nil }
    }
}

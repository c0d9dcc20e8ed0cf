private import CSodium

/// `crypto_auth` (HMAC-SHA-512-256): tags of 32 bytes under keys of 32 bytes.
package enum MAC {
    package static let size = 32

    package static func tag(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        precondition(key.count == 32)
        var tag = [UInt8](repeating: 0, count: size)
        crypto_auth(&tag, message, UInt64(message.count), key)
        return tag
    }

    /// Compares in constant time; a tag or key of another size is not valid.
    package static func isValid(_ tag: some Collection<UInt8>, _ message: [UInt8], key: [UInt8]) -> Bool {
        guard tag.count == size, key.count == 32 else { return false }
        return crypto_auth_verify(Array(tag), message, UInt64(message.count), key) == 0
    }

    /// Whether two byte strings are equal, in time that tells only their lengths.
    package static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && sodium_memcmp(left, right, left.count) == 0
    }
}

private import CSodium

/// X25519 over the key pairs that CURVE uses too.
package enum KeyExchange {
    /// What both sides compute; nil where a key has another size than 32 bytes or the result would be all zero.
    package static func shared(secret: [UInt8], public other: [UInt8]) -> [UInt8]? {
        guard secret.count == 32, other.count == 32 else { return nil }
        var shared = [UInt8](repeating: 0, count: 32)
        return crypto_scalarmult(&shared, secret, other) == 0 ? shared : nil
    }

    /// The public half; `secret` has 32 bytes.
    package static func publicKey(of secret: [UInt8]) -> [UInt8] {
        precondition(secret.count == 32)
        var key = [UInt8](repeating: 0, count: 32)
        crypto_scalarmult_base(&key, secret)
        return key
    }
}

private import CSodium

/// Keys drawn from a key: `crypto_kdf_derive_from_key`, 32 bytes, subkey id 1, told apart by context.
package enum KeyDerivation {
    /// `context` has exactly 8 ASCII characters, `key` 32 bytes.
    package static func derive(context: String, from key: [UInt8]) -> [UInt8] {
        precondition(context.utf8.count == 8 && key.count == 32)
        var derived = [UInt8](repeating: 0, count: 32)
        crypto_kdf_derive_from_key(&derived, 32, 1, context, key)
        return derived
    }
}

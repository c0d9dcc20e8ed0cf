private import CSodium

/// BLAKE2b as libsodium computes it, keyed or not.
package enum Blake2b {
    /// The hash of the parts one after another; `key` is empty or 16-64 bytes, `count` 16-64.
    package static func hash(_ parts: [UInt8]..., key: [UInt8] = [], count: Int = 32) -> [UInt8] {
        let hasher = Hasher(key: key, count: count)
        for part in parts { hasher.update(part) }
        return hasher.finish()
    }

    /// The hash of bytes that lie in one piece.
    package static func hash(of bytes: UnsafeRawBufferPointer) -> [UInt8] {
        let hasher = Hasher()
        hasher.update(bytes)
        return hasher.finish()
    }

    /// A hash fed piece by piece; belongs to one thread, and `finish` ends it.
    package final class Hasher {
        private let state: UnsafeMutableRawPointer
        private let count: Int

        package init(key: [UInt8] = [], count: Int = 32) {
            Start.once()
            self.count = count
            state = .allocate(byteCount: crypto_generichash_statebytes(), alignment: 64)
            crypto_generichash_init(.init(state), key, key.count, count)
        }

        deinit { state.deallocate() }

        package func update(_ bytes: UnsafeRawBufferPointer) {
            guard let base = bytes.baseAddress else { return }
            crypto_generichash_update(.init(state), base.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
        }

        package func update(_ bytes: [UInt8]) {
            crypto_generichash_update(.init(state), bytes, UInt64(bytes.count))
        }

        package func finish() -> [UInt8] {
            var hash = [UInt8](repeating: 0, count: count)
            crypto_generichash_final(.init(state), &hash, count)
            return hash
        }
    }
}

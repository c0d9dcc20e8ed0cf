private import CSodium

/// Random bytes fit for keys.
package enum Random {
    package static func bytes(_ count: Int) -> [UInt8] {
        Start.once()
        var bytes = [UInt8](repeating: 0, count: count)
        randombytes_buf(&bytes, count)
        return bytes
    }

    package static func number() -> UInt64 {
        bytes(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// libsodium wants to be started once, before the first use from several threads.
enum Start {
    private static let result = sodium_init()

    static func once() { precondition(result >= 0, "libsodium cannot start") }
}

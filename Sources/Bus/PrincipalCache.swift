internal import Messages

/// Principals by their bytes on the wire, so that a name is parsed once.
struct PrincipalCache {
    private var known: [[UInt8]: Principal] = [:]

    /// Nil for the empty name, which is the broker, and for what is no principal.
    subscript(bytes: UnsafeRawBufferPointer) -> Principal? {
        mutating get {
            guard !bytes.isEmpty else { return nil }
            let key = Array(bytes)
            if let principal = known[key] { return principal }
            guard let principal = Principal(String(decoding: key, as: UTF8.self)) else { return nil }
            if known.count >= 10_000 { known = [:] }
            known[key] = principal
            return principal
        }
    }
}

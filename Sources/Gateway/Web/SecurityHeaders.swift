import HTTPTypes

/// What every answer says to the browser about what it may do with it.
struct SecurityHeaders: Sendable {
    /// Whether browsers reach this server by TLS, here or at a proxy.
    let isSecure: Bool

    static let policy = [
        "default-src 'none'", "script-src 'self'", "worker-src 'self'", "style-src 'self'", "connect-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    ].joined(separator: "; ")

    /// `isPrivate`: an answer of the API, which nothing on the way may keep.
    func add(to fields: inout HTTPFields, isPrivate: Bool) {
        fields[.contentSecurityPolicy] = Self.policy
        fields[.xContentTypeOptions] = "nosniff"
        for (name, value) in Self.others {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        if isPrivate { fields[.cacheControl] = "no-store" }
        if isSecure { fields[.strictTransportSecurity] = "max-age=31536000" }
    }

    private static let others = [
        ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ]
}

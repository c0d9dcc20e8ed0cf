extension Principal {
    /// A user's own key, `user:USER/NAME`, the user percent-encoded as in topics.
    ///
    /// Nil for a name of another form than a node's, and for an account name that makes the whole too long.
    package init?(user: String, key name: String) {
        guard !user.isEmpty, NodeName(name) != nil else { return nil }
        self.init("user:\(Topic.encode(user))/\(name)")
    }

    /// Whom several keys belong to together: all keys of a user are one holder, any other principal is its own.
    package var holder: String {
        role == .user ? "user:" + name.prefix { $0 != "/" } : description
    }
}

extension Topic {
    /// What a user's own key may read.
    package static func prefixes(of user: String) -> [String] {
        let user = encode(user)
        return ["output/\(user)/", "event/\(user)/"]
    }
}

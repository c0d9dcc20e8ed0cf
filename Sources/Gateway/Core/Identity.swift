/// Who asks: an account and the login session it asks in.
struct Identity: Hashable, Sendable {
    let user: String
    let uid: UInt32
    /// 16 random bytes, drawn at the login; they travel in every ticket.
    let session: [UInt8]
}

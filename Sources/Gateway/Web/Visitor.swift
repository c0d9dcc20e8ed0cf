import Bus
import Glibc

/// Somebody with a good token.
struct Visitor: Sendable {
    let token: LoginToken
    /// By the browser's cookie, not by a bearer token.
    let isByCookie: Bool
    let isReissueDue: Bool

    var identity: Identity { Identity(user: token.user, uid: token.uid, session: token.session) }
    /// When the session ends at the latest, Unix milliseconds.
    var expires: Int64 { token.authenticatedMilliseconds + Sessions.absoluteMilliseconds }
}

/// The wall clock, in Unix milliseconds; tests bring their own.
struct WallClock: Sendable {
    var now: @Sendable () -> Int64

    static let system = WallClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

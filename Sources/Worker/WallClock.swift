import Glibc

/// The node's own wall clock; for showing, never for judging.
enum WallClock {
    static var nanoseconds: UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }

    static var milliseconds: Int64 { Int64(nanoseconds / 1_000_000) }
}

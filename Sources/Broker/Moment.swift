private import Glibc

/// One reading of both clocks: the steady one for waiting, the wall's for people.
package struct Moment: Equatable, Sendable {
    let instant: ContinuousClock.Instant
    let unixMilliseconds: Int64

    package init(_ instant: ContinuousClock.Instant, unixMilliseconds: Int64) {
        self.instant = instant
        self.unixMilliseconds = unixMilliseconds
    }

    /// `instant` is the loop's pass; the wall is read now.
    init(now instant: ContinuousClock.Instant) {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        self.init(instant, unixMilliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}

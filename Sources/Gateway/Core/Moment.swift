import Glibc

/// A time on both clocks: timers go by the steady one, what people and nodes see by the wall's.
package struct Moment: Hashable, Sendable {
    /// Since the machine started, asleep or not (CLOCK_BOOTTIME).
    package var steady: Duration
    package var unixMilliseconds: Int64

    package init(steady: Duration, unixMilliseconds: Int64) {
        self.steady = steady
        self.unixMilliseconds = unixMilliseconds
    }

    static func now() -> Moment {
        Moment(steady: read(CLOCK_BOOTTIME), unixMilliseconds: Int64(read(CLOCK_REALTIME) / .milliseconds(1)))
    }

    static func wallNanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    static func + (moment: Moment, duration: Duration) -> Moment {
        Moment(
            steady: moment.steady + duration,
            unixMilliseconds: moment.unixMilliseconds + Int64(duration / .milliseconds(1)))
    }

    private static func read(_ clock: clockid_t) -> Duration {
        var time = timespec()
        clock_gettime(clock, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}

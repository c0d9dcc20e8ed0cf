import Glibc

/// A moment of the monotonic clock, without the runtime that the standard library's clocks bring along.
package struct Moment: Hashable, Comparable, Sendable {
    package var nanoseconds: UInt64

    package init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    static var now: Moment {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Moment(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    /// Unix time in nanoseconds, for records.
    static var unixNanoseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    package static func < (left: Moment, right: Moment) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Never overflows: a limit of centuries is no limit.
    func after(milliseconds: UInt64) -> Moment {
        let (span, over) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, beyond) = nanoseconds.addingReportingOverflow(span)
        return Moment(nanoseconds: over || beyond ? .max : sum)
    }

    /// Rounded up, for poll(2); 0 when this has passed.
    func milliseconds(from now: Moment) -> Int32 {
        guard self > now else { return 0 }
        return Int32(clamping: (nanoseconds - now.nanoseconds + 999_999) / 1_000_000)
    }
}

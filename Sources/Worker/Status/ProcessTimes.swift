/// What /proc/PID/stat says of a process (proc_pid_stat(5)).
struct ProcessTimes: Equatable, Sendable {
    /// Bytes as they are: a process may call itself anything, brackets and line ends included.
    var name: ArraySlice<UInt8>
    /// User and system time in ticks.
    var ticks: UInt64
    /// Ticks after the machine's start; tells a process from a later one with its number.
    var started: UInt64
    /// Resident pages.
    var pages: UInt64

    init?(_ text: ArraySlice<UInt8>) {
        guard let open = text.firstIndex(of: UInt8(ascii: "(")), let close = text.lastIndex(of: UInt8(ascii: ")")),
            open < close
        else { return nil }
        name = text[(open + 1)..<close]
        var words = Words(text[(close + 1)...])
        // From the state (field 3) to the fields before utime (14).
        words.skip(11)
        guard let user = words.number(), let system = words.number() else { return nil }
        words.skip(6)
        guard let started = words.number() else { return nil }
        words.skip(1)
        guard let pages = words.number() else { return nil }
        (ticks, self.started, self.pages) = (user &+ system, started, pages)
    }
}

import CLinux
import Glibc
package import Spool

/// A worker's end of one `estiba-placer` at work.
///
/// Wait for `descriptor` to become readable (or hang up), then call `finish`.
package final class PlacerProcess {
    package let pid: Int32
    private let answer: File

    /// Starts `program` with the open `bytes` (nil where none are needed) and the open `note` of this placement, which is empty the
    /// first time (nil where only the home is meant).
    package init(_ program: String, _ placement: Placement, bytes: Int32?, note: Int32?) throws(SystemError) {
        var request: [Int32] = [-1, -1]
        var reply: [Int32] = [-1, -1]
        try File.check("pipe") { estiba_pipe(&request) }
        let theirRequest = File(adopting: request[0])
        let ours = File(adopting: request[1])
        try File.check("pipe") { estiba_pipe(&reply) }
        answer = File(adopting: reply[0])
        let theirReply = File(adopting: reply[1])
        // It fits in the pipe, whose room is 64 KiB, so that this does not wait for the placer.
        try ours.write(placement.bytes)
        var pid: pid_t = 0
        let descriptors = [theirRequest.descriptor, theirReply.descriptor, -1, bytes ?? -1, note ?? -1]
        try File.check("spawn", program) { estiba_spawn(program, descriptors, descriptors.count, 0, nil, &pid) }
        self.pid = pid
    }

    package var descriptor: Int32 { answer.descriptor }

    /// Reads the answer and reaps the process; nil where it gives none within `patience`, or died without one, or where
    /// `isUnwanted` became true; then it is ended by `cutOff`, which is given its pid.
    ///
    /// It has the user's uid, so the user can stop it (SIGSTOP) or have it wait on a file system of the user's own; it
    /// must not hold up the caller for ever.
    package func finish(
        within patience: Duration, unless isUnwanted: @autoclosure () -> Bool = false,
        cutOff: (Int32) -> Void = { _ in }
    ) -> Placed? {
        let end = ContinuousClock.now + patience
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 8192)
        var isAnswered = false
        while !isAnswered, isReadable(until: end, unless: isUnwanted),
            let got = try? File.check("read", "", { read(descriptor, &buffer, buffer.count) })
        {
            isAnswered = got <= 0
            bytes += buffer.prefix(max(0, got))
        }
        if !isAnswered { cutOff(pid) }
        // The answer is the last it does.
        kill(pid, SIGKILL)
        var status: Int32 = 0
        _ = try? File.check("waitpid") { waitpid(pid, &status, 0) }
        return try? Placed(bytes)
    }

    /// How soon it is seen that it is not wanted any more.
    private static let slice = Duration.milliseconds(50)

    private func isReadable(until end: ContinuousClock.Instant, unless isUnwanted: () -> Bool) -> Bool {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while true {
            if isUnwanted() { return false }
            let left = max(.zero, min(Self.slice, end - .now)).components
            let milliseconds = Int32(clamping: left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000)
            let ready = poll(&waiting, 1, milliseconds)
            if ready > 0 { return true }
            if ready == 0, ContinuousClock.now >= end { return false }
            if ready < 0, errno != EINTR { return false }
        }
    }
}

import CLinux
import Glibc
import Spool

/// A line for `/bin/sh`, run by the placer as the user it has become, with a limit of time and no input.
struct ShellLine {
    enum Ending: Hashable {
        case exited(code: Int32)
        case signalled(Int32)
        case late
    }

    /// As much as is kept of what it says, from the end.
    static let mostSaidBytes = 1_000

    let line: String
    let environment: [String]
    let folder: String

    /// Returns how it ended and the last of what it said on both streams. What it leaves in its session is killed.
    func run(within patience: Duration) throws(SystemError) -> (Ending, said: String) {
        let end = ContinuousClock.now + patience
        var ends: [Int32] = [-1, -1]
        try File.check("pipe") { estiba_pipe(&ends) }
        let read = File(adopting: ends[0])
        let write = File(adopting: ends[1])
        // What the line leaves behind stays below this process, so that who cuts it off finds it.
        estiba_set_child_subreaper(1)
        let child = try File.check("fork") { estiba_fork() }
        if child == 0 { become(saying: write.descriptor) }
        _ = consume write
        estiba_set_nonblocking(read.descriptor)
        var said: [UInt8] = []
        var status: Int32 = 0
        var isOver = false
        while !isOver, ContinuousClock.now < end {
            var waiting = pollfd(fd: read.descriptor, events: Int16(POLLIN), revents: 0)
            poll(&waiting, 1, Self.pauseMilliseconds)
            let isAtEnd = listen(to: read, &said)
            isOver = waitpid(child, &status, WNOHANG) == child
            if isAtEnd, !isOver { poll(nil, 0, Self.pauseMilliseconds) }
        }
        kill(-child, SIGKILL)
        if !isOver { waitpid(child, nil, 0) }
        _ = listen(to: read, &said)
        return (isOver ? Self.ending(status) : .late, Self.text(said))
    }

    private static let pauseMilliseconds: Int32 = 20

    private func become(saying: Int32) -> Never {
        setsid()
        let nothing = open("/dev/null", O_RDONLY)
        dup2(nothing, 0)
        dup2(saying, 1)
        dup2(saying, 2)
        estiba_close_from(3)
        if chdir(folder) != 0 { chdir("/") }
        let arguments: [String] = ["/bin/sh", "-c", line]
        let words = arguments.map { strdup($0) } + [nil]
        let variables = environment.map { strdup($0) } + [nil]
        execve("/bin/sh", words, variables)
        _exit(127)
    }

    /// Reads what is there; true at the end.
    private func listen(to pipe: borrowing File, _ said: inout [UInt8]) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let got = Glibc.read(pipe.descriptor, &buffer, buffer.count)
            guard got > 0 else { return got == 0 }
            said = Array((said + buffer.prefix(got)).suffix(Self.mostSaidBytes))
        }
    }

    /// wait(2): the low seven bits are the signal, the next byte the exit code.
    private static func ending(_ status: Int32) -> Ending {
        let signal = status & 0x7F
        return signal == 0 ? .exited(code: status >> 8 & 0xFF) : .signalled(signal)
    }

    /// The last lines, as one; nothing in it that a terminal obeys.
    static func text(_ said: [UInt8]) -> String {
        let lines = String(decoding: said, as: UTF8.self).split { $0.isNewline }.suffix(5)
        return lines.joined(separator: " | ").filter {
            $0.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        }
    }
}

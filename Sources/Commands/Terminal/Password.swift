import Glibc

/// Reads one line from stdin, without echo where it is a terminal.
enum Password {
    /// Nil where nothing comes.
    static func read(prompt: String) -> String? {
        guard isatty(0) == 1 else { return readLine(strippingNewline: true) }
        StandardStreams.write(Array(prompt.utf8), to: .stderr)
        var before = termios()
        guard tcgetattr(0, &before) == 0 else { return readLine(strippingNewline: true) }
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(0, TCSAFLUSH, &silent)
        defer {
            tcsetattr(0, TCSAFLUSH, &before)
            StandardStreams.write([0x0A], to: .stderr)
        }
        return readLine(strippingNewline: true)
    }
}

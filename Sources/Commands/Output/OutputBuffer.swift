import Glibc

/// Bytes for stdout and stderr that wait to be written, one write for many lines.
struct OutputBuffer {
    enum Target: Int32 { case stdout = 1, stderr = 2 }

    struct Piece: Equatable {
        var target: Target
        var bytes: [UInt8]
    }

    private(set) var pieces: [Piece] = []
    /// Whether the order between the two targets is kept: needed where both are one terminal or file.
    let keepsOrder: Bool

    init(keepsOrder: Bool = true) { self.keepsOrder = keepsOrder }

    var isEmpty: Bool { pieces.isEmpty }

    mutating func append(_ bytes: UnsafeRawBufferPointer, to target: Target) {
        change(target) { $0.append(contentsOf: bytes) }
    }

    mutating func append(_ bytes: some Collection<UInt8>, to target: Target) {
        change(target) { $0.append(contentsOf: bytes) }
    }

    mutating func append(_ byte: UInt8, to target: Target) {
        change(target) { $0.append(byte) }
    }

    mutating func append(_ text: String, to target: Target) { append(text.utf8, to: target) }

    /// Gives the pieces away.
    mutating func take() -> [Piece] {
        defer { pieces.removeAll(keepingCapacity: true) }
        return pieces
    }

    /// What waits for one target, for tests.
    func bytes(to target: Target) -> [UInt8] { pieces.filter { $0.target == target }.flatMap(\.bytes) }

    /// Lets one closure append many times at the cost of one look-up.
    mutating func change(_ target: Target, _ body: (inout [UInt8]) -> Void) {
        let index = keepsOrder ? pieces.indices.last : pieces.firstIndex { $0.target == target }
        if let index, pieces[index].target == target {
            body(&pieces[index].bytes)
        } else {
            var piece = Piece(target: target, bytes: [])
            body(&piece.bytes)
            pieces.append(piece)
        }
    }
}

/// Writes to this process's stdout and stderr.
enum StandardStreams {
    /// Writes it all; false where the reader of stdout is gone.
    static func write(_ buffer: inout OutputBuffer) -> Bool {
        buffer.take().allSatisfy { write($0.bytes, to: $0.target) }
    }

    @discardableResult
    static func write(_ bytes: [UInt8], to target: OutputBuffer.Target) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer
            while !rest.isEmpty {
                let written = Glibc.write(target.rawValue, rest.baseAddress, rest.count)
                if written >= 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest[written...])
                } else if errno == EAGAIN {
                    var wait = pollfd(fd: target.rawValue, events: Int16(POLLOUT), revents: 0)
                    poll(&wait, 1, -1)
                } else if errno != EINTR {
                    return false
                }
            }
            return true
        }
    }

    /// Text on stdout, as it is.
    static func emit(_ text: String) { write(Array(text.utf8), to: .stdout) }

    /// A line on stdout.
    static func print(_ line: String) { write(Array(line.utf8) + [0x0A], to: .stdout) }

    /// A line on stderr, with the program's name before it; what a node or a gateway put into it is made harmless.
    static func say(_ line: String) {
        let lines = Array("estiba: \(line)".utf8).split(separator: 0x0A, omittingEmptySubsequences: false)
        write(Array(lines.map { $0.withUnsafeBytes(Tamer.tame) }.joined(separator: [0x0A])) + [0x0A], to: .stderr)
    }

    static func isTerminal(_ target: OutputBuffer.Target) -> Bool { isatty(target.rawValue) == 1 }

    /// Whether stdout and stderr are one and the same file, so that the order between them can be seen.
    static var areOne: Bool {
        var (first, second) = (stat(), stat())
        guard fstat(1, &first) == 0, fstat(2, &second) == 0 else { return true }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }
}

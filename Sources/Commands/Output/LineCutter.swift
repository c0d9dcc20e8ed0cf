import Glibc

/// Cuts one stream of one run into lines and keeps what has no newline yet.
struct LineCutter {
    /// A line longer than this is given out in pieces, so that memory stays bounded.
    static let limit = 1 << 20

    private var unfinished: [UInt8] = []

    /// Calls `line` for each whole line, without its newline.
    mutating func receive(_ bytes: UnsafeRawBufferPointer, _ line: (UnsafeRawBufferPointer) -> Void) {
        var rest = bytes
        while let start = rest.baseAddress, !rest.isEmpty {
            guard let newline = memchr(start, 0x0A, rest.count) else { break }
            let length = UnsafeRawPointer(newline) - start
            let piece = UnsafeRawBufferPointer(rebasing: rest[..<length])
            if unfinished.isEmpty {
                line(piece)
            } else {
                unfinished.append(contentsOf: piece)
                give(line)
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[(length + 1)...])
        }
        unfinished.append(contentsOf: rest)
        if unfinished.count >= Self.limit { give(line) }
    }

    /// Gives out the last line where it has no newline.
    mutating func finish(_ line: (UnsafeRawBufferPointer) -> Void) {
        if !unfinished.isEmpty { give(line) }
    }

    private mutating func give(_ line: (UnsafeRawBufferPointer) -> Void) {
        unfinished.withUnsafeBytes(line)
        unfinished.removeAll(keepingCapacity: unfinished.capacity <= 1 << 16)
    }
}

import Glibc

/// The beginning of a line, as far as it is shown.
struct LineHead: Equatable, Sendable {
    /// Longer lines are shown by their first bytes.
    static let shownBytes = 8192

    var bytes: [UInt8] = []
    /// When the first of them was written.
    var timeNanoseconds: UInt64?
    /// There is more of the line than these bytes.
    var isCut = false

    var isEmpty: Bool { bytes.isEmpty && !isCut }

    mutating func append(
        _ more: UnsafeRawBufferPointer, timeNanoseconds: UInt64, limit: Int = shownBytes
    ) {
        if self.timeNanoseconds == nil { self.timeNanoseconds = timeNanoseconds }
        let room = max(0, limit - bytes.count)
        if more.count > room { isCut = true }
        bytes.append(contentsOf: more.prefix(room))
    }

    mutating func append(_ more: LineHead, limit: Int = shownBytes) {
        guard let time = more.timeNanoseconds else { return }
        more.bytes.withUnsafeBytes { append($0, timeNanoseconds: time, limit: limit) }
        isCut = isCut || more.isCut
    }
}

/// Newlines in memory, found by the C library: the loops over output run at its speed in any build.
enum Newlines {
    static let byte: Int32 = 10

    /// The place of the first newline at or behind `start`.
    static func first(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard start < bytes.count, let base = bytes.baseAddress,
            let found = memchr(base + start, byte, bytes.count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    static func last(in bytes: UnsafeRawBufferPointer) -> Int? { bytes.lastIndex(of: 10) }
}

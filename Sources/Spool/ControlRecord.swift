/// What a record of the control stream says (docs/protocol.md §5).
package enum ControlRecord: Hashable, Sendable {
    /// A stream will bring no more bytes.
    case streamEnded(Stream)
    /// The last record of a spool.
    case finished(Finish)

    private enum Kind {
        static let streamEnded: UInt8 = 1
        static let finished: UInt8 = 2
    }

    /// How a run ended, as the last record of its spool holds it: 24 bytes.
    package struct Finish: Hashable, Sendable {
        /// A number of the wire's `State`.
        package var state: UInt8
        /// The exit code, or the signal where the command was ended by one.
        package var value: Int32
        package var stdoutBytes: UInt64
        package var stderrBytes: UInt64

        package init(state: UInt8, value: Int32, stdoutBytes: UInt64, stderrBytes: UInt64) {
            self.state = state
            self.value = value
            self.stdoutBytes = stdoutBytes
            self.stderrBytes = stderrBytes
        }
    }

    /// The kind, which stands in the record's flags.
    package var flags: UInt8 {
        switch self {
        case .streamEnded: Kind.streamEnded
        case .finished: Kind.finished
        }
    }

    /// The record's bytes, without its header.
    package var content: [UInt8] {
        switch self {
        case .streamEnded(let stream): [stream.rawValue]
        case .finished(let finish):
            [finish.state, 0, 0, 0] + littleEndian(UInt32(bitPattern: finish.value))
                + littleEndian(finish.stdoutBytes) + littleEndian(finish.stderrBytes)
        }
    }

    /// The whole record.
    package func record(timeNanoseconds: UInt64) -> [UInt8] {
        Record.bytes(.control, content, flags: flags, timeNanoseconds: timeNanoseconds)
    }

    /// Reads the content of a control record; nil for a kind that this version does not know.
    package init?(flags: UInt8, content: some Collection<UInt8>) {
        let bytes = Array(content)
        switch (flags, bytes.count) {
        case (Kind.streamEnded, 1):
            guard let stream = Stream(rawValue: bytes[0]), stream != .control else { return nil }
            self = .streamEnded(stream)
        case (Kind.finished, 24):
            self = .finished(
                Finish(
                    state: bytes[0], value: Int32(bitPattern: integer(bytes[4..<8])),
                    stdoutBytes: integer(bytes[8..<16]), stderrBytes: integer(bytes[16..<24])))
        default: return nil
        }
    }
}

func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

func integer<T: FixedWidthInteger>(_ bytes: ArraySlice<UInt8>) -> T {
    bytes.reversed().reduce(0) { $0 << 8 | T(truncatingIfNeeded: $1) }
}

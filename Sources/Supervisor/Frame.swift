import Spool

/// What a worker says to a supervisor over its socket.
///
/// The socket is of kind `SOCK_SEQPACKET`: a packet is a frame, so there is nothing to cut. A frame is version u8 (1),
/// kind u8, and the fields of its kind, little-endian. A client may connect at any time and as often as it likes; right
/// after it did it is sent `length`, and `started` or `failed` as soon as that is known.
package enum Request: Hashable, Sendable {
    /// Send `length` as soon as the spool is longer than this; once. The newest `await` counts.
    case await(position: UInt64)
    /// All before this is in the copy: it may be unlinked.
    case copied(position: UInt64)
    /// SIGTERM to all of the run, then SIGKILL after the grace. Again: the shorter grace counts.
    case stop(graceMilliseconds: UInt64)
    /// Send `length`, and `started`, `failed` or `ended` as it is.
    case status
}

/// What a supervisor says to a worker.
package enum Reply: Hashable, Sendable {
    /// The spool holds [released, length).
    case length(UInt64, released: UInt64)
    case started(pid: Int32)
    /// The command never began; `ended` follows.
    case failed(StartFailure)
    /// The last frame: `exit` is written, and the supervisor ends.
    case ended(ExitRecord)
}

/// A frame that does not say what a frame may say.
package enum FrameProblem: Error, Equatable {
    case malformed
    case version(UInt8)
}

/// Of the socket's frames.
private let version: UInt8 = 1

extension Request {
    package var bytes: [UInt8] {
        var writer = FieldWriter()
        writer.integer(version)
        switch self {
        case .await(let position):
            writer.integer(UInt8(1))
            writer.integer(position)
        case .copied(let position):
            writer.integer(UInt8(2))
            writer.integer(position)
        case .stop(let grace):
            writer.integer(UInt8(3))
            writer.integer(grace)
        case .status: writer.integer(UInt8(4))
        }
        return writer.bytes
    }

    package init(_ bytes: [UInt8]) throws(FrameProblem) {
        self = try decode(bytes) { kind, reader throws(FieldReader.Malformed) in
            switch kind {
            case 1: .await(position: try reader.integer())
            case 2: .copied(position: try reader.integer())
            case 3: .stop(graceMilliseconds: try reader.integer())
            case 4: .status
            default: throw FieldReader.Malformed()
            }
        }
    }
}

extension Reply {
    package var bytes: [UInt8] {
        var writer = FieldWriter()
        writer.integer(version)
        switch self {
        case .length(let length, let released):
            writer.integer(UInt8(1))
            writer.integer(length)
            writer.integer(released)
        case .started(let pid):
            writer.integer(UInt8(2))
            writer.integer(pid)
        case .failed(let failure):
            writer.integer(UInt8(3))
            failure.write(to: &writer)
        case .ended(let record):
            writer.integer(UInt8(4))
            writer.list(record.bytes) { $0.integer($1) }
        }
        return writer.bytes
    }

    package init(_ bytes: [UInt8]) throws(FrameProblem) {
        self = try decode(bytes) { kind, reader throws(FieldReader.Malformed) in
            switch kind {
            case 1: return .length(try reader.integer(), released: try reader.integer())
            case 2: return .started(pid: try reader.integer())
            case 3: return .failed(try StartFailure(&reader))
            case 4:
                let record = try reader.list { reader throws(FieldReader.Malformed) in try reader.integer(UInt8.self) }
                guard let ended = try? ExitRecord(record) else { throw FieldReader.Malformed() }
                return .ended(ended)
            default: throw FieldReader.Malformed()
            }
        }
    }
}

private func decode<Frame>(
    _ bytes: [UInt8], _ read: (UInt8, inout FieldReader) throws(FieldReader.Malformed) -> Frame
) throws(FrameProblem) -> Frame {
    guard bytes.count >= 2 else { throw .malformed }
    guard bytes[0] == version else { throw .version(bytes[0]) }
    var reader = FieldReader(Array(bytes.dropFirst(2)))
    do throws(FieldReader.Malformed) {
        let frame = try read(bytes[1], &reader)
        guard reader.isAtEnd else { throw FieldReader.Malformed() }
        return frame
    } catch {
        throw .malformed
    }
}

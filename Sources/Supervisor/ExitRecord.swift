package import Spool

/// How a run ended, as its supervisor leaves it in `exit`; it is there whole or not at all.
package struct ExitRecord: Hashable, Sendable {
    package enum Ending: Hashable, Sendable {
        case exited(code: Int32)
        case signalled(signal: Int32)
        /// The wall-clock limit.
        case timedOut
        /// The limit of memory.
        case outOfMemory
        /// The limit of processes; ended by SIGKILL.
        case tooManyProcesses
        /// On request.
        case stopped
        /// The command never began.
        case failed(StartFailure)
    }

    package var ending: Ending
    /// Of the spool with its last record.
    package var finalLength: UInt64
    package var stdoutBytes: UInt64
    package var stderrBytes: UInt64
    /// Processes that had to be stopped after the command itself had ended.
    package var leftOver: UInt32
    /// Processes still there when the supervisor ended: 0 after a stop is the proof; with `leave`, those let live.
    package var remaining: UInt32

    package init(
        ending: Ending, finalLength: UInt64, stdoutBytes: UInt64, stderrBytes: UInt64, leftOver: UInt32,
        remaining: UInt32
    ) {
        self.ending = ending
        self.finalLength = finalLength
        self.stdoutBytes = stdoutBytes
        self.stderrBytes = stderrBytes
        self.leftOver = leftOver
        self.remaining = remaining
    }
}

/// Why a command could not be started. Never mistaken for an exit with 126 or 127.
package enum StartFailure: Error, Hashable, Sendable {
    case notFound
    case notExecutable
    /// The user may not go there, or not run it.
    case permission
    case noSuchFolder
    /// The user's identity could not be taken on, or not all of it; `step` says what failed.
    case identity(step: String, errno: Int32)
    /// PAM refused the session.
    case session(code: Int32)
    case other(step: String, errno: Int32)
}

extension ExitRecord {
    static let version: UInt8 = 1

    package enum Problem: Error, Equatable {
        /// The supervisor has not written one.
        case none
        case malformed
        case version(UInt8)
        case system(SystemError)
    }

    package func write(to folder: RunFolder) throws(SystemError) {
        try File.replace(folder.exit, with: bytes)
    }

    package static func read(from folder: RunFolder) throws(Problem) -> ExitRecord {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try File.contents(folder.exit)
        } catch {
            if error.isMissing { throw .none }
            throw .system(error)
        }
        return try ExitRecord(bytes)
    }

    package var bytes: [UInt8] {
        var writer = FieldWriter()
        writer.integer(Self.version)
        ending.write(to: &writer)
        writer.integer(finalLength)
        writer.integer(stdoutBytes)
        writer.integer(stderrBytes)
        writer.integer(leftOver)
        writer.integer(remaining)
        writer.integer(CRC32C.of(writer.bytes))
        return writer.bytes
    }

    package init(_ bytes: [UInt8]) throws(Problem) {
        if let version = bytes.first, version != Self.version { throw .version(version) }
        do throws(FieldReader.Malformed) {
            var reader = FieldReader(bytes)
            _ = try reader.integer(UInt8.self)
            ending = try Ending(&reader)
            finalLength = try reader.integer()
            stdoutBytes = try reader.integer()
            stderrBytes = try reader.integer()
            leftOver = try reader.integer()
            remaining = try reader.integer()
            let checksum = try reader.integer(UInt32.self)
            guard reader.isAtEnd, checksum == CRC32C.of(bytes.dropLast(4)) else { throw FieldReader.Malformed() }
        } catch {
            throw .malformed
        }
    }
}

extension ExitRecord.Ending {
    func write(to writer: inout FieldWriter) {
        switch self {
        case .exited(let code):
            writer.integer(UInt8(1))
            writer.integer(code)
        case .signalled(let signal):
            writer.integer(UInt8(2))
            writer.integer(signal)
        case .timedOut: writer.integer(UInt8(3))
        case .outOfMemory: writer.integer(UInt8(4))
        case .stopped: writer.integer(UInt8(5))
        case .failed(let failure):
            writer.integer(UInt8(6))
            failure.write(to: &writer)
        case .tooManyProcesses: writer.integer(UInt8(7))
        }
    }

    init(_ reader: inout FieldReader) throws(FieldReader.Malformed) {
        switch try reader.integer(UInt8.self) {
        case 1: self = .exited(code: try reader.integer())
        case 2: self = .signalled(signal: try reader.integer())
        case 3: self = .timedOut
        case 4: self = .outOfMemory
        case 5: self = .stopped
        case 6: self = .failed(try StartFailure(&reader))
        case 7: self = .tooManyProcesses
        default: throw FieldReader.Malformed()
        }
    }
}

extension StartFailure {
    func write(to writer: inout FieldWriter) {
        switch self {
        case .notFound: writer.integer(UInt8(1))
        case .notExecutable: writer.integer(UInt8(2))
        case .permission: writer.integer(UInt8(3))
        case .noSuchFolder: writer.integer(UInt8(4))
        case .identity(let step, let errno):
            writer.integer(UInt8(5))
            writer.text(step)
            writer.integer(errno)
        case .session(let code):
            writer.integer(UInt8(6))
            writer.integer(code)
        case .other(let step, let errno):
            writer.integer(UInt8(7))
            writer.text(step)
            writer.integer(errno)
        }
    }

    init(_ reader: inout FieldReader) throws(FieldReader.Malformed) {
        switch try reader.integer(UInt8.self) {
        case 1: self = .notFound
        case 2: self = .notExecutable
        case 3: self = .permission
        case 4: self = .noSuchFolder
        case 5: self = .identity(step: try reader.text(), errno: try reader.integer())
        case 6: self = .session(code: try reader.integer())
        case 7: self = .other(step: try reader.text(), errno: try reader.integer())
        default: throw FieldReader.Malformed()
        }
    }
}

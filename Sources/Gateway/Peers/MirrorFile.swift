import Glibc
import Messages
import Spool
import Synchronization

/// A copy of another gateway's log on this disk: the same bytes, as far as they have come. Not synced: what a loss of power
/// takes is asked for again.
final class MirrorFile: Sendable {
    enum Problem: Error {
        case system(SystemError)
        /// What came is damaged, or not the log that was asked for.
        case malformed
    }

    let path: String
    private let head: ExecutionHead
    private let writer: Mutex<LogWriter>

    /// Opens the copy, or makes one without an entry. Reads what it needs to find where it ends.
    init(path: String, of head: ExecutionHead) throws(Problem) {
        self.path = path
        self.head = head
        writer = Mutex(try Self.open(path, head))
    }

    private static func open(_ path: String, _ head: ExecutionHead) throws(Problem) -> LogWriter {
        if let known = try? LogWriter(continuing: path) {
            if known.header.log == head.log, known.header.execution == head.id.bytes { return known }
        }
        remove(path)
        let header = LogHeader(
            log: head.log, execution: head.id.bytes,
            createdNanoseconds: UInt64(clamping: head.createdMilliseconds) * 1_000_000)
        do throws(SystemError) { return try LogWriter(creating: path, header) } catch { throw .system(error) }
    }

    static func remove(_ path: String) {
        unlink(path)
        unlink(LogIndex.path(ofLog: path))
    }

    var end: UInt64 { writer.withLock { $0.end } }

    /// What the copy takes on the disk.
    var bytes: UInt64 { Self.bytes(path) }

    /// What a log takes with its index; nothing where there is none.
    static func bytes(_ path: String) -> UInt64 {
        [path, LogIndex.path(ofLog: path)].reduce(0) { sum, path in
            var facts = stat()
            return stat(path, &facts) == 0 ? sum + UInt64(facts.st_size) : sum
        }
    }

    /// Where to go on, and what stands before: the owner compares it with its own.
    var place: (from: UInt64, last: [UInt8]) {
        writer.withLock { writer in
            writer.end == LogReader.start ? (0, []) : (writer.end, (try? writer.lastHeader()) ?? [])
        }
    }

    /// By run, how far the copy goes.
    var positions: [UInt64] {
        writer.withLock { writer in head.nodes.indices.map { writer.position(of: UInt32($0)) } }
    }

    /// Adds what the owner sent. What does not go on where the copy ends is left alone: it was asked for twice.
    func append(_ piece: WirePiece) throws(Problem) {
        var bytes = [UInt8](piece.bytes)
        let problem = writer.withLock { writer -> Problem? in
            guard piece.from == writer.end || (piece.from == 0 && writer.end == LogReader.start) else { return nil }
            if piece.from == 0 {
                guard let header = bytes.withUnsafeBytes({ LogHeader($0) }), header.log == head.log,
                    header.execution == head.id.bytes
                else { return .malformed }
                do throws(SystemError) {
                    try File(path, O_WRONLY).write(header.bytes, at: 0)
                } catch {
                    return .system(error)
                }
                bytes.removeFirst(LogHeader.size)
            }
            guard bytes.withUnsafeBytes({ writer.append(entries: $0) }) else { return .malformed }
            do throws(SystemError) {
                try writer.flush()
                return nil
            } catch {
                return .system(error)
            }
        }
        if let problem { throw problem }
    }
}

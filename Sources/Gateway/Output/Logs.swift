import Glibc
import Logging
import Messages
import Spool
import Synchronization

/// How far an execution's log goes just now.
struct LogEnd: Hashable, Sendable {
    /// Offset after the last whole entry.
    let offset: UInt64
    /// Nothing will follow.
    let isComplete: Bool
}

/// The logs of all executions, for readers: any number, none with a queue.
final class Logs: Sendable {
    private struct Growth {
        var end: LogEnd
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private struct State {
        var next = 0
        var growing: [ExecutionID: Growth] = [:]
    }

    let folder: String
    /// Where the copies of other gateways' logs lie.
    let mirrors: String
    private let state = Mutex(State())
    private let logger: Logger

    init(folder: String, mirrors: String = "", logger: Logger = Logger(label: "estiba.logs")) {
        (self.folder, self.mirrors, self.logger) = (folder, mirrors, logger)
    }

    func mirrorPath(of id: ExecutionID) -> String { "\(mirrors)/\(id).log" }

    /// Whether this gateway has the log itself, not a copy of another's.
    func isOwn(_ id: ExecutionID) -> Bool { access(path(of: id), F_OK) == 0 }

    /// A reader met what the disk has changed: it is told a gap, and the operator where it lies.
    func noteDamage(_ id: ExecutionID, at offset: UInt64) {
        logger.error("log damaged", metadata: ["file": "\(path(of: id))", "offset": "\(offset)"])
    }

    func path(of id: ExecutionID) -> String { "\(folder)/\(id).log" }

    /// Makes the log of a new execution; one that is there already is left as it is.
    func create(_ head: ExecutionHead, createdNanoseconds: UInt64) throws(Failure) {
        let header = LogHeader(log: head.log, execution: head.id.bytes, createdNanoseconds: createdNanoseconds)
        do throws(SystemError) {
            _ = try LogWriter(creating: path(of: head.id), header)
        } catch {
            guard error.errno == EEXIST else {
                throw error.isNoSpace
                    ? Failure(.noSpace, "The gateway's disk is full: nothing was taken on.")
                    : Failure(.internal, "The gateway cannot store output just now.")
            }
        }
        lengthened(head.id, to: LogEnd(offset: LogReader.start, isComplete: false))
    }

    /// Takes away the log of an execution that was not accepted after all, or is not kept any more.
    func discard(_ id: ExecutionID) {
        finished(id)
        File.remove(path(of: id))
        File.remove(LogIndex.path(ofLog: path(of: id)))
    }

    /// The executions that have a log here, in no order.
    func all() -> [ExecutionID] {
        ((try? File.names(in: folder)) ?? []).compactMap {
            $0.hasSuffix(".log") ? ExecutionID(String($0.dropLast(4))) : nil
        }
    }

    /// Why there is no room for new work; nil where there is.
    func refusalForRoom(_ retention: Retention) -> Failure? {
        File.freeBytes(at: folder).flatMap { retention.refusal(freeBytes: $0) }
    }

    /// Opens an execution's log for reading; each reader has its own descriptor, closed with the last reference.
    ///
    /// The caller has made sure that the reader may see the execution (`Executions.show`).
    func reader(for id: ExecutionID) throws(Failure) -> LogReader {
        do {
            return try LogReader(path: isOwn(id) ? path(of: id) : mirrorPath(of: id))
        } catch {
            throw Failure(.gone, "The output of \(id) is not kept here any more.")
        }
    }

    /// Where the log ends now.
    func end(of id: ExecutionID) throws(Failure) -> LogEnd {
        if let end = state.withLock({ $0.growing[id]?.end }) { return end }
        do {
            return LogEnd(offset: try reader(for: id).end(), isComplete: true)
        } catch {
            throw Failure(.gone, "The output of \(id) is not kept here any more.")
        }
    }

    /// Waits until the log goes beyond `offset`, or is complete, or the task is cancelled, and returns where it ends then.
    func growth(of id: ExecutionID, beyond offset: UInt64) async throws(Failure) -> LogEnd {
        let seat = state.withLock { state in
            state.next += 1
            return state.next
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isWaiting = state.withLock { state in
                    guard let end = state.growing[id]?.end, end.offset <= offset, !end.isComplete, !Task.isCancelled
                    else { return false }
                    state.growing[id]?.waiting[seat] = continuation
                    return true
                }
                if !isWaiting { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.growing[id]?.waiting.removeValue(forKey: seat) }?.resume()
        }
        return try end(of: id)
    }

    /// The copier says how far a log goes; who waits for more is woken.
    func lengthened(_ id: ExecutionID, to end: LogEnd) {
        let woken: [CheckedContinuation<Void, Never>] = state.withLock { state in
            // The copier says where a log ends also when it opens it: what is no news wakes nobody.
            guard state.growing[id]?.end != end else { return [] }
            var growth = state.growing[id] ?? Growth(end: end)
            defer { state.growing[id] = growth }
            growth.end = end
            defer { growth.waiting = [:] }
            return growth.waiting.values.map { $0 }
        }
        for continuation in woken { continuation.resume() }
    }

    /// The log is complete and nobody writes to it: from now on its file says where it ends.
    func finished(_ id: ExecutionID) {
        let woken = state.withLock { $0.growing.removeValue(forKey: id)?.waiting.values.map { $0 } ?? [] }
        for continuation in woken { continuation.resume() }
    }
}

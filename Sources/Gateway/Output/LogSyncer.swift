import Dispatch
import Messages
import Spool
import Synchronization

/// Brings logs to the disk, one after another, on a thread of its own: slices need not wait for it.
final class LogSyncer: Sendable {
    typealias Done = [(id: ExecutionID, problem: SystemError?)]

    private let queue = DispatchQueue(label: "estiba.sync", qos: .userInitiated)
    private let done = Mutex<Done>([])

    /// Calls `then` on that thread when all are done; `take` says what came of them.
    func sync(_ files: [(id: ExecutionID, file: LogFile)], then: @escaping @Sendable () -> Void) {
        queue.async {
            for (id, file) in files {
                var problem: SystemError?
                do throws(SystemError) { try file.synchronise() } catch { problem = error }
                self.done.withLock { [problem] in $0.append((id, problem)) }
            }
            then()
        }
    }

    /// What came of those that are done, each told once.
    func take() -> Done {
        done.withLock { done in
            defer { done = [] }
            return done
        }
    }

    /// Waits until nothing is left to be done.
    func wait() { queue.sync {} }
}

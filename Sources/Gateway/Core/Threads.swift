import Logging
import Synchronization
import ZeroMQ

/// The thread on which the bus end lives.
final class BusThread: Sendable {
    private struct State {
        var prepared: (@Sendable () throws -> PollLoop.Thread)?
        var thread: PollLoop.Thread?
        var end: PollLoop.Bound<BusEnd>?
    }

    private let state = Mutex(State())

    /// Says how the end is made; nothing runs before `start`.
    func prepare(_ context: Context, _ make: @escaping @Sendable (PollLoop) throws(ZeroMQError) -> BusEnd) {
        state.withLock { state in
            state.prepared = {
                try PollLoop.Thread(name: "bus", context: context) { loop throws(ZeroMQError) in
                    let end = loop.bind(try make(loop))
                    self.state.withLock { $0.end = end }
                }
            }
        }
    }

    func start() throws {
        guard let make = state.withLock({ $0.prepared.take() }) else { return }
        let thread = try make()
        state.withLock { $0.thread = thread }
    }

    /// Sends in the order of the calls; what comes before `start` or after `stop` is dropped, as a broker may drop it.
    func send(_ items: [Outgoing]) {
        guard let (thread, end) = current() else { return }
        thread.mailbox.post { end.value.send(items) }
    }

    func stop() {
        guard let (thread, end) = current() else { return }
        thread.mailbox.post {
            end.value.close()
            self.state.withLock { $0.end = nil }
            thread.stop()
        }
        thread.join()
    }

    private func current() -> (PollLoop.Thread, PollLoop.Bound<BusEnd>)? {
        state.withLock { state in
            guard let thread = state.thread, let end = state.end else { return nil }
            return (thread, end)
        }
    }
}

/// The thread on which the copier lives.
final class CopierThread: Sendable {
    private let state = Mutex<(thread: PollLoop.Thread, copier: PollLoop.Bound<Copier>)?>(nil)
    private let waiting = ArrivalsWaiting()

    func start(
        _ context: Context, logs: Logs, keys: KeyRing, logBytes: UInt64, sinks: Copier.Sinks, logger: Logger
    ) throws {
        let made = Mutex<PollLoop.Bound<Copier>?>(nil)
        let thread = try PollLoop.Thread(name: "copier", context: context) { loop throws(ZeroMQError) in
            let copier = Copier(
                logs: logs, keys: keys, logBytes: logBytes, sinks: sinks, logger: logger, waiting: self.waiting,
                on: loop)
            let bound = loop.bind(copier)
            made.withLock { $0 = bound }
        }
        guard let copier = made.withLock({ $0 }) else { return }
        state.withLock { $0 = (thread, copier) }
    }

    func receive(_ arrivals: [Arrival]) {
        guard let (thread, copier) = state.withLock({ $0 }) else { return }
        let came = Moment.now().steady
        let kept = waiting.came(arrivals, at: came)
        thread.mailbox.post { copier.value.receive(kept, came: came) }
    }

    func call(_ call: Executions.CopierCall) {
        post { copier in
            switch call {
            case .open(let opening): copier.open(opening)
            case .reported(let key, let spool, let finalLength):
                copier.reported(key, spool: spool, finalLength: finalLength)
            }
        }
    }

    /// Writes and syncs what there is, and ends the thread.
    func stop() {
        guard let thread = state.withLock({ $0?.thread }) else { return }
        post { $0.close() }
        thread.mailbox.post { thread.stop() }
        thread.join()
    }

    private func post(_ work: @escaping @Sendable (Copier) -> Void) {
        guard let (thread, copier) = state.withLock({ $0 }) else { return }
        thread.mailbox.post { work(copier.value) }
    }
}

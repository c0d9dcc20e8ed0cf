internal import CZeroMQ
private import Glibc

/// The owner thread of sockets, descriptors and timers: everything on it is touched by its thread only.
///
/// Made and filled on the thread that calls `run()` (see `PollLoop.Thread`); other threads come in by `mailbox`. Handlers
/// must not wait: one loop carries thousands of peers.
package final class PollLoop {
    package struct Readiness: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        package static let readable = Readiness(rawValue: 1)
        package static let writable = Readiness(rawValue: 2)
        /// Hang-up or error; always told, never asked for.
        package static let ended = Readiness(rawValue: 4)
    }

    /// Names a socket or descriptor on the loop; numbers are not used again.
    package struct Watch: Hashable, Sendable { fileprivate let id: UInt64 }

    /// Messages taken from one socket before the next has its turn.
    package static let batch = 256

    package let context: Context
    package let mailbox: Mailbox
    private var entries: [Entry] = []
    private var items: [zmq_pollitem_t] = []
    private var isChanged = true
    private var lastID: UInt64 = 0
    private var timers = Timers()
    private var endings: [() -> Void] = []
    private let thread = pthread_self()

    /// The calling thread becomes the owner.
    package init(context: Context) throws(ZeroMQError) {
        self.context = context
        mailbox = try Mailbox()
    }

    package typealias Instant = ContinuousClock.Instant
    /// The time of the pass that is running: one reading for all that came in together.
    package private(set) var now = ContinuousClock.now

    // MARK: Sockets

    /// Calls `receive` for each message, at most `batch` a pass; then `passed` once, for what is handed over in arrays.
    ///
    /// The message is good during the call. The loop does not close the socket.
    @discardableResult
    package func add(
        _ socket: Socket, frames: Int = 8, receive: @escaping (inout Multipart) -> Void,
        passed: @escaping () -> Void = {}
    ) -> Watch {
        let entry = SocketEntry(id: nextID(), socket: socket, frames: frames, receive: receive, passed: passed)
        entries.append(entry)
        isChanged = true
        return Watch(id: entry.id)
    }

    // MARK: Descriptors

    /// Calls `ready` on the loop whenever the descriptor is (level-triggered). The loop does not close it.
    @discardableResult
    package func watch(
        _ descriptor: Int32, for interest: Readiness = .readable, ready: @escaping (Readiness) -> Void
    ) -> Watch {
        let entry = DescriptorEntry(id: nextID(), descriptor: descriptor, interest: interest, ready: ready)
        entries.append(entry)
        isChanged = true
        return Watch(id: entry.id)
    }

    /// Waits for something else on a descriptor; with an empty set only for its end.
    package func change(_ watch: Watch, to interest: Readiness) {
        guard let entry = entries.first(where: { $0.id == watch.id }) as? DescriptorEntry else { return }
        entry.interest = interest
        isChanged = true
    }

    /// Forgets a socket or descriptor; its handler is not called again, even in this pass. Must come before its closing.
    package func remove(_ watch: Watch) {
        guard let index = entries.firstIndex(where: { $0.id == watch.id }) else { return }
        entries[index].isLive = false
        entries.remove(at: index)
        isChanged = true
    }

    // MARK: Timers

    /// Calls `work` once after `delay`, or with `every` again and again until it is cancelled.
    @discardableResult
    package func after(_ delay: Duration, every: Duration? = nil, _ work: @escaping () -> Void) -> Timer {
        timers.add(at: ContinuousClock.now + delay, every: every, work)
    }

    package func cancel(_ timer: Timer) { timers.remove(timer) }

    // MARK: Life

    /// Runs until `stop` is called; everything that was added is then forgotten.
    package func run() {
        precondition(pthread_equal(thread, pthread_self()) != 0, "a loop runs on the thread that made it")
        var hasProgress = false
        while !mailbox.isStopping {
            if isChanged { rebuild() }
            now = ContinuousClock.now
            let wait = hasProgress ? 0 : timers.milliseconds(until: now)
            let count = zmq_poll(&items, Int32(items.count), wait)
            now = ContinuousClock.now
            hasProgress = false
            if count > 0 { hasProgress = serve() }
            // Taken one by one, because the work may add and remove timers.
            while let work = timers.next(until: now) { work() }
        }
        for ending in endings { ending() }
        entries = []
        items = []
        timers = Timers()
        endings = []
    }

    package func stop() { mailbox.stop() }

    /// Calls `work` on the loop's thread when it has ended: the place to let go of what lives on it.
    package func atEnd(_ work: @escaping () -> Void) { endings.append(work) }

    private func nextID() -> UInt64 {
        lastID += 1
        return lastID
    }

    private func rebuild() {
        isChanged = false
        let wake = zmq_pollitem_t(socket: nil, fd: mailbox.descriptor, events: Int16(ZMQ_POLLIN), revents: 0)
        items = [wake] + entries.map(\.item)
    }

    /// True where a socket gave messages, so that it is looked at again before the next wait.
    private func serve() -> Bool {
        let ready = zip(entries, items.dropFirst()).filter { $1.revents != 0 }.map { ($0, $1.revents) }
        if items[0].revents != 0 {
            for work in mailbox.take() { work() }
        }
        var hasProgress = false
        for (entry, events) in ready where entry.isLive {
            if entry.serve(events) { hasProgress = true }
        }
        return hasProgress
    }
}

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
    private var items: [pollfd] = []
    private var isChanged = true
    /// The entries that are due in this pass, by their place.
    private var ready: [Int] = []
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
        while !mailbox.isStopping {
            if isChanged { rebuild() }
            now = ContinuousClock.now
            wait()
            now = ContinuousClock.now
            serve()
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
        items = [pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0)] + entries.map(\.item)
    }

    /// Waits for the first of all descriptors, and finds what is ready. zmq_poll(3) would ask the system about every socket in
    /// each pass; those whose descriptor is quiet and that nobody has touched have nothing.
    private func wait() {
        ready.removeAll(keepingCapacity: true)
        for (index, entry) in entries.enumerated() where entry.isReady { ready.append(index) }
        let touched = ready.count
        let milliseconds = touched > 0 ? 0 : timers.milliseconds(until: now)
        guard poll(&items, nfds_t(items.count), Int32(clamping: milliseconds)) > 0 else {
            // Also where a signal came between: what `poll` left there is of the pass before.
            return items.indices.forEach { items[$0].revents = 0 }
        }
        for (index, entry) in entries.enumerated() where entry.isReady(by: items[index + 1].revents) {
            if !ready[..<touched].contains(index) { ready.append(index) }
        }
    }

    private func serve() {
        let due = ready.map { (entries[$0], items[$0 + 1].revents) }
        if items[0].revents != 0 {
            for work in mailbox.take() { work() }
        }
        for (entry, events) in due where entry.isLive { entry.serve(events) }
    }
}

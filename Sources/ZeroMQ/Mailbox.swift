private import CZeroMQ
private import Glibc
private import Synchronization

/// The way into a `PollLoop` from other threads.
///
/// Closures run on the loop's thread in the order they were posted; many posts cost one wake-up. What is posted after
/// the loop has ended is dropped.
package final class Mailbox: Sendable {
    package typealias Work = @Sendable () -> Void

    private struct State {
        var work: [Work] = []
        var isStopping = false
    }

    private let state = Mutex(State())
    /// The eventfd that the loop polls.
    let descriptor: Int32

    init() throws(ZeroMQError) {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard descriptor >= 0 else { throw ZeroMQError("eventfd", errno) }
    }

    deinit { close(descriptor) }

    package func post(_ work: @escaping Work) {
        let isFirst = state.withLock { state in
            state.work.append(work)
            return state.work.count == 1
        }
        if isFirst { wake() }
    }

    /// Lets `run()` return after the pass it is in.
    package func stop() {
        state.withLock { $0.isStopping = true }
        wake()
    }

    var isStopping: Bool { state.withLock { $0.isStopping } }

    func take() -> [Work] {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
        return state.withLock { state in
            defer { state.work = [] }
            return state.work
        }
    }

    private func wake() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }
}

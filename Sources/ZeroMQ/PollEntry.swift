internal import Glibc

/// What a loop polls.
class Entry {
    let id: UInt64
    var isLive = true

    init(id: UInt64) { self.id = id }

    var item: pollfd { pollfd(fd: -1, events: 0, revents: 0) }
    /// Before the wait: there is something already, whatever the descriptor says.
    var isReady: Bool { false }
    /// After the wait: whether something is to be done for what the descriptor says.
    func isReady(by events: Int16) -> Bool { events != 0 }
    func serve(_ events: Int16) {}
}

final class SocketEntry: Entry {
    private let socket: Socket
    private let receive: (inout Multipart) -> Void
    private let passed: () -> Void
    private var message: Multipart

    init(
        id: UInt64, socket: Socket, frames: Int, receive: @escaping (inout Multipart) -> Void,
        passed: @escaping () -> Void
    ) {
        self.socket = socket
        self.receive = receive
        self.passed = passed
        message = Multipart(capacity: frames)
        super.init(id: id)
    }

    override var item: pollfd { pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0) }
    override var isReady: Bool { socket.isTouched && socket.hasMessage() }
    override func isReady(by events: Int16) -> Bool { events != 0 && socket.hasMessage() }

    override func serve(_ events: Int16) {
        var count = 0
        while count < PollLoop.batch, isLive, socket.receive(&message) {
            count += 1
            receive(&message)
        }
        if count > 0, isLive { passed() }
    }
}

final class DescriptorEntry: Entry {
    private let descriptor: Int32
    var interest: PollLoop.Readiness
    private let ready: (PollLoop.Readiness) -> Void

    init(id: UInt64, descriptor: Int32, interest: PollLoop.Readiness, ready: @escaping (PollLoop.Readiness) -> Void) {
        self.descriptor = descriptor
        self.interest = interest
        self.ready = ready
        super.init(id: id)
    }

    override var item: pollfd {
        var events: Int32 = 0
        if interest.contains(.readable) { events |= POLLIN }
        if interest.contains(.writable) { events |= POLLOUT }
        return pollfd(fd: descriptor, events: Int16(events), revents: 0)
    }

    override func serve(_ events: Int16) {
        var readiness: PollLoop.Readiness = []
        if Int32(events) & POLLIN != 0 { readiness.insert(.readable) }
        if Int32(events) & POLLOUT != 0 { readiness.insert(.writable) }
        if Int32(events) & (POLLERR | POLLHUP | POLLNVAL) != 0 { readiness.insert(.ended) }
        ready(readiness)
    }
}

internal import CZeroMQ

/// What a loop polls.
class Entry {
    let id: UInt64
    var isLive = true

    init(id: UInt64) { self.id = id }

    var item: zmq_pollitem_t { zmq_pollitem_t() }
    /// Does what is due; true where there may be more at once.
    func serve(_ events: Int16) -> Bool { false }
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

    override var item: zmq_pollitem_t {
        zmq_pollitem_t(socket: socket.handle, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0)
    }

    override func serve(_ events: Int16) -> Bool {
        var count = 0
        while count < PollLoop.batch, isLive, socket.receive(&message) {
            count += 1
            receive(&message)
        }
        if count > 0, isLive { passed() }
        return count > 0
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

    override var item: zmq_pollitem_t {
        var events: Int32 = 0
        if interest.contains(.readable) { events |= ZMQ_POLLIN }
        if interest.contains(.writable) { events |= ZMQ_POLLOUT }
        return zmq_pollitem_t(socket: nil, fd: descriptor, events: Int16(events), revents: 0)
    }

    override func serve(_ events: Int16) -> Bool {
        var readiness: PollLoop.Readiness = []
        if Int32(events) & ZMQ_POLLIN != 0 { readiness.insert(.readable) }
        if Int32(events) & ZMQ_POLLOUT != 0 { readiness.insert(.writable) }
        if Int32(events) & ZMQ_POLLERR != 0 { readiness.insert(.ended) }
        ready(readiness)
        return false
    }
}

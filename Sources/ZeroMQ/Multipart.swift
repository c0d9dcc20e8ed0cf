internal import CZeroMQ

/// A received message of several frames; one value is used again and again, so that receiving allocates nothing.
package struct Multipart: ~Copyable {
    private let frames: UnsafeMutablePointer<Frame>
    /// Frames of the message that was received last.
    package private(set) var count = 0
    /// The message had more frames than there is room for; the rest was thrown away.
    package private(set) var isOversized = false
    package let capacity: Int

    /// `capacity` bounds the frames of a message.
    package init(capacity: Int = 8) {
        self.capacity = capacity
        frames = .allocate(capacity: capacity)
        for index in 0..<capacity { (frames + index).initialize(to: Frame()) }
    }

    deinit {
        frames.deinitialize(count: capacity)
        frames.deallocate()
    }

    package subscript(index: Int) -> Frame {
        _read {
            precondition(index < count)
            yield frames[index]
        }
        _modify {
            precondition(index < count)
            yield &frames[index]
        }
    }

    /// Takes what is there now without waiting; false where there is nothing.
    mutating func receive(from socket: UnsafeMutableRawPointer) -> Bool {
        count = 0
        isOversized = false
        guard zmq_msg_recv(&frames[0].raw, socket, ZMQ_DONTWAIT) >= 0 else { return false }
        count = 1
        while zmq_msg_more(&frames[count - 1].raw) != 0 {
            guard count < capacity else {
                discardRest(of: socket)
                return true
            }
            guard zmq_msg_recv(&frames[count].raw, socket, ZMQ_DONTWAIT) >= 0 else { return true }
            count += 1
        }
        return true
    }

    private mutating func discardRest(of socket: UnsafeMutableRawPointer) {
        isOversized = true
        var frame = Frame()
        repeat {
            guard zmq_msg_recv(&frame.raw, socket, ZMQ_DONTWAIT) >= 0 else { return }
        } while zmq_msg_more(&frame.raw) != 0
    }
}

private import CZeroMQ

/// A libzmq context: its I/O threads and its limit of sockets.
///
/// Ends with its last socket and loop, which hold it; that waits for their linger, which is always bounded here.
package final class Context: @unchecked Sendable {
    /// Safe from any thread (zmq_ctx_new(3)).
    let handle: UnsafeMutableRawPointer

    package init(ioThreads: Int32 = 1, maxSockets: Int32 = 65_535) throws(ZeroMQError) {
        guard let handle = zmq_ctx_new() else { throw ZeroMQError("zmq_ctx_new") }
        zmq_ctx_set(handle, ZMQ_IO_THREADS, ioThreads)
        zmq_ctx_set(handle, ZMQ_MAX_SOCKETS, maxSockets)
        zmq_ctx_set(handle, ZMQ_BLOCKY, 0)
        self.handle = handle
    }

    deinit {
        while zmq_ctx_term(handle) != 0 && zmq_errno() == EINTR {}
    }
}

internal import CZeroMQ
private import Glibc

/// The TCP connection that a message came by, so that one peer can be cut off: libzmq has no call for it.
///
/// The descriptor belongs to libzmq and may have been closed and used again, so the peer's address is looked at before
/// anything is done to it. The kernel may still hand both over between look and cut; then another peer reconnects.
package struct PeerConnection: Hashable, Sendable {
    package let descriptor: Int32
    /// The raw `sockaddr` of the peer, with its port.
    private let address: [UInt8]

    /// The connection a received frame came by; nil for none (inproc) or one that is gone.
    package init?(of frame: borrowing Frame) {
        let descriptor = withUnsafePointer(to: frame.raw) { zmq_msg_get($0, ZMQ_SRCFD) }
        guard descriptor > 0, let address = Self.peerAddress(of: descriptor) else { return nil }
        self.descriptor = descriptor
        self.address = address
    }

    /// Ends the connection; false where it is gone already. The peer may come back: it is the doorkeeper who refuses it.
    @discardableResult
    package func cutOff() -> Bool {
        guard isThere else { return false }
        return shutdown(descriptor, Int32(SHUT_RDWR)) == 0
    }

    /// False once the connection has ended.
    package var isThere: Bool { Self.peerAddress(of: descriptor) == address }

    private static func peerAddress(of descriptor: Int32) -> [UInt8]? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { storage -> [UInt8]? in
            let result = storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getpeername(descriptor, $0, &length)
            }
            guard result == 0 else { return nil }
            return Array(
                UnsafeRawBufferPointer(start: storage, count: min(Int(length), MemoryLayout<sockaddr_storage>.size)))
        }
    }
}

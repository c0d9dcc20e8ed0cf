import CLinux
import Glibc
package import Spool

/// A worker's end of a supervisor's socket. Never blocks; belongs to one thread.
///
/// Watch `descriptor` for readability, then call `receive` until it is empty.
package final class SupervisorConnection {
    /// What a call to `receive` brought.
    package enum Received: Hashable, Sendable {
        case reply(Reply)
        /// Nothing more for now.
        case nothing
        /// The supervisor has ended, or speaks what this program does not.
        case closed
    }

    private let socket: File

    /// Throws ENOENT or ECONNREFUSED while the supervisor does not listen yet, or no more.
    package init(_ folder: RunFolder) throws(SystemError) {
        let place = try File(folder.path, O_RDONLY | O_DIRECTORY)
        let descriptor = try File.check("connect", folder.socket) { estiba_connect(place.descriptor, "socket") }
        socket = File(adopting: descriptor, path: folder.socket)
    }

    /// The line that a supervisor was started with; closed when this goes.
    package init(adopting line: Int32) {
        socket = File(adopting: line)
    }

    package var descriptor: Int32 { socket.descriptor }

    /// Throws EAGAIN in the unlikely case that the supervisor does not read (it is stopped), EPIPE when it has ended.
    package func send(_ request: Request) throws(SystemError) {
        let bytes = request.bytes
        try File.check("send", socket.path) {
            Glibc.send(socket.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
    }

    package func receive() -> Received {
        var bytes = [UInt8](repeating: 0, count: 4096)
        var got = recv(socket.descriptor, &bytes, bytes.count, 0)
        // A supervisor that ended before it read all shows as a reset, once; its last words lie behind that.
        while got < 0, errno == EINTR || errno == ECONNRESET { got = recv(socket.descriptor, &bytes, bytes.count, 0) }
        if got < 0 { return errno == EAGAIN ? .nothing : .closed }
        guard got > 0, let reply = try? Reply(Array(bytes.prefix(got))) else { return .closed }
        return .reply(reply)
    }
}

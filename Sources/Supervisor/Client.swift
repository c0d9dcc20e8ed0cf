import Glibc
import Spool

/// A worker that is connected to this supervisor.
final class Client {
    private let socket: File
    private(set) var isOpen = true
    /// It wants to hear as soon as the spool is longer than this.
    var awaited: UInt64?

    init(_ socket: consuming File) {
        self.socket = socket
    }

    var descriptor: Int32 { socket.descriptor }

    /// The next request, or nil where there is none for now. A client that has gone, or speaks nonsense, is not open.
    func receive() -> Request? {
        var bytes = [UInt8](repeating: 0, count: 256)
        do throws(SystemError) {
            let got = try File.check("recv") { recv(socket.descriptor, &bytes, bytes.count, 0) }
            if got > 0, let request = try? Request(Array(bytes.prefix(got))) { return request }
        } catch {
            if error.isAgain { return nil }
        }
        isOpen = false
        return nil
    }

    /// A client that does not read what it asked for is let go; it may come back.
    func send(_ reply: Reply) {
        let bytes = reply.bytes
        let sent = try? File.check("send") { Glibc.send(socket.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
        if sent == nil { isOpen = false }
    }
}

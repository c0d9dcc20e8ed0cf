import Glibc
import Spool

/// Asks a web server of this machine again and again until it answers as one that has what is asked for.
struct WebWait {
    enum Outcome: Hashable {
        case answered
        /// What came last, in words.
        case silent(String)
    }

    let address: WebAddress

    private static let pauseMilliseconds: Int32 = 200
    /// For one connection; what takes longer is asked again.
    private static let patienceSeconds = 5

    func run(within patience: Duration) -> Outcome {
        let end = ContinuousClock.now + patience
        while true {
            let (status, words) = ask()
            if let status, Self.isThere(status) { return .answered }
            guard ContinuousClock.now < end else { return .silent(words) }
            poll(nil, 0, Self.pauseMilliseconds)
        }
    }

    /// Whoever must log in, or may not ask so, has reached it all the same; 404 is what servers say before it is there.
    static func isThere(_ status: Int) -> Bool { (200..<500).contains(status) && status != 404 }

    /// The status of one answer, or what stood in the way.
    private func ask() -> (Int?, String) {
        do throws(SystemError) {
            let socket = try connected()
            let request = "GET \(address.path) HTTP/1.0\r\nHost: localhost:\(address.port)\r\nConnection: close\r\n\r\n"
            let bytes = Array(request.utf8)
            try File.check("send") { send(socket.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
            var line: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 64)
            while line.count < 12 {
                let got = try File.check("read") { read(socket.descriptor, &buffer, buffer.count) }
                if got == 0 { break }
                line += buffer.prefix(got)
            }
            guard let status = Self.status(line) else { return (nil, "what answers there is no web server") }
            return (status, "it answers \(status)")
        } catch {
            return (nil, error.isAgain ? "it takes its time" : error.reason)
        }
    }

    /// `HTTP/1.1 200`
    static func status(_ line: [UInt8]) -> Int? {
        guard line.count >= 12, line.starts(with: Array("HTTP/1.".utf8)), line[8] == UInt8(ascii: " ") else {
            return nil
        }
        return Int(String(decoding: line[9..<12], as: UTF8.self))
    }

    private func connected() throws(SystemError) -> File {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let socket = File(adopting: try File.check("socket") { Glibc.socket(AF_INET, kind, 0) })
        let descriptor = socket.descriptor
        var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
        for option in [SO_SNDTIMEO, SO_RCVTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = address.port.bigEndian
        place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        _ = try withUnsafePointer(to: place) { place throws(SystemError) in
            try place.withMemoryRebound(to: sockaddr.self, capacity: 1) { place throws(SystemError) in
                try File.check("connect") {
                    connect(descriptor, place, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        return socket
    }
}

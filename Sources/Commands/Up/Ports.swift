import Glibc

/// TCP ports of the loopback address.
enum Ports {
    /// Below what Linux hands out by itself (32768), so that a restart finds them free again.
    private static let range: ClosedRange<UInt16> = 20_000...32_000

    static func isFree(_ port: UInt16) -> Bool { bindable(port) != nil }

    /// A port that is free now: the one remembered where it still is.
    static func free(remembered: UInt16?) throws(CommandError) -> UInt16 {
        if let remembered, isFree(remembered) { return remembered }
        for _ in 0..<200 {
            let port = UInt16.random(in: range)
            if isFree(port) { return port }
        }
        throw .local("no port is free on 127.0.0.1")
    }

    /// The first of `count` ports in a row that are free now.
    static func freeRow(of count: UInt16, remembered: UInt16?) throws(CommandError) -> UInt16 {
        func isFreeRow(_ base: UInt16) -> Bool { (base..<base + count).allSatisfy(isFree) }
        if let remembered, remembered <= range.upperBound, isFreeRow(remembered) { return remembered }
        for _ in 0..<200 {
            let base = UInt16.random(in: range)
            if isFreeRow(base) { return base }
        }
        throw .local("no \(count) ports in a row are free on 127.0.0.1")
    }

    /// Who listens on the port, as `name (pid n)`; nil where that cannot be seen.
    static func holder(of port: UInt16) -> String? {
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            for line in Processes.text(table).split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ")
                guard fields.count > 9, fields[3] == "0A", let local = fields[1].split(separator: ":").last else {
                    continue
                }
                guard UInt16(local, radix: 16) == port else { continue }
                if let pid = Processes.holder(ofSocket: String(fields[9])) {
                    return "\(Processes.name(of: pid)) (pid \(pid))"
                }
            }
        }
        return nil
    }

    private static func bindable(_ port: UInt16) -> UInt16? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
        }
        return bound == 0 && listen(descriptor, 1) == 0 ? port : nil
    }
}

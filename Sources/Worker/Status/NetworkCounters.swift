/// What went through an interface, as /proc/net/dev counts it, and which interface is the one to look at.
struct NetworkCounters: Equatable, Sendable {
    var received: UInt64
    var sent: UInt64

    /// Nil where there is no such interface.
    init?(_ text: ArraySlice<UInt8>, of interface: String) {
        var lines = Words(text)
        while let line = lines.line() {
            // `  eth0: 123 …`, and without the blank where the number is long: `eth0:123`.
            guard let colon = line.rest.lastIndex(of: UInt8(ascii: ":")) else { continue }
            let name = line.rest[..<colon].drop { $0 == UInt8(ascii: " ") }
            guard name.elementsEqual(interface.utf8) else { continue }
            var words = Words(line.rest[(colon + 1)...])
            guard let received = words.number() else { return nil }
            words.skip(7)
            guard let sent = words.number() else { return nil }
            (self.received, self.sent) = (received, sent)
            return
        }
        return nil
    }

    /// The interface of the default route with the smallest metric: of /proc/net/route, else of /proc/net/ipv6_route.
    static func defaultInterface(route: ArraySlice<UInt8>?, ipv6Route: ArraySlice<UInt8>?) -> String? {
        fourth(route ?? []) ?? sixth(ipv6Route ?? [])
    }

    private static func fourth(_ text: ArraySlice<UInt8>) -> String? {
        var best: (metric: UInt64, name: String)?
        var lines = Words(text)
        while var line = lines.line() {
            // Iface Destination Gateway Flags RefCnt Use Metric Mask
            guard let name = line.text(), let destination = line.text(), destination == "00000000" else { continue }
            line.skip(1)
            guard let flags = line.text().flatMap({ UInt64($0, radix: 16) }), flags & 1 != 0 else { continue }
            line.skip(2)
            let metric = line.number() ?? 0
            guard line.text() == "00000000", metric < best?.metric ?? .max else { continue }
            best = (metric, name)
        }
        return best?.name
    }

    private static func sixth(_ text: ArraySlice<UInt8>) -> String? {
        var best: (metric: UInt64, name: String)?
        var lines = Words(text)
        while var line = lines.line() {
            // destination, its length, source, its length, next hop, metric, references, use, flags, interface
            guard let destination = line.word(), destination.allSatisfy({ $0 == UInt8(ascii: "0") }),
                line.text() == "00"
            else { continue }
            line.skip(3)
            guard let metric = line.text().flatMap({ UInt64($0, radix: 16) }) else { continue }
            line.skip(3)
            guard let name = line.text(), name != "lo", metric < best?.metric ?? .max else { continue }
            best = (metric, name)
        }
        return best?.name
    }
}

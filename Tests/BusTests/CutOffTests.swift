import Synchronization
import Testing
import ZeroMQ

struct CutOffTests {
    /// libzmq has no call for it; this is the proof that `shutdown` on the message's descriptor does it.
    @Test func `one peer of a router is cut off and another stays`() async throws {
        let context = try Context()
        let router = try Socket(.router, in: context, [.routerMandatory])
        try router.bind("tcp://127.0.0.1:0")
        let dealers = try (0..<2).map { _ in
            let dealer = try Socket(
                .dealer, in: context, [.immediate, .reconnect(every: .seconds(60), upTo: .seconds(60))])
            try dealer.connect(router.lastEndpoint)
            return dealer
        }
        var peers: [UInt8: (connection: PeerConnection, id: [UInt8])] = [:]
        var message = Multipart()
        for (index, dealer) in dealers.enumerated() {
            try await eventually("sent") { dealer.send([[UInt8(index)]]) == .done ? true : nil }
        }
        while peers.count < 2 {
            try await eventually("received") { router.receive(&message) ? true : nil }
            let connection = PeerConnection(of: message[1])
            peers[message[1].bytes[0]] = (try #require(connection), message[0].bytes)
        }
        let (first, second) = (try #require(peers[0]), try #require(peers[1]))
        #expect(first.connection != second.connection)
        #expect(first.connection.cutOff())
        try await eventually("unreachable") { router.send([first.id, [1]]) == .unreachable ? true : nil }
        #expect(!first.connection.cutOff())
        #expect(router.send([second.id, [2]]) == .done)
        try await eventually("the other one still hears") { dealers[1].receive(&message) ? true : nil }
    }

    @Test func `a message with too many frames is thrown away whole`() async throws {
        let context = try Context()
        let router = try Socket(.router, in: context)
        try router.bind("tcp://127.0.0.1:0")
        let dealer = try Socket(.dealer, in: context)
        try dealer.connect(router.lastEndpoint)
        _ = dealer.send([[UInt8]](repeating: [1], count: 100))
        _ = dealer.send([[7]])
        var message = Multipart(capacity: 4)
        try await eventually("the long one") { router.receive(&message) ? true : nil }
        let long = (message.isOversized, message.count)
        #expect(long == (true, 4))
        try await eventually("the short one") { router.receive(&message) ? true : nil }
        let short = (message.isOversized, message.count)
        #expect(short == (false, 2))
        let last = message[1].bytes
        #expect(last == [7])
    }
}

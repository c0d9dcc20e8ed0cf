import Testing

@testable import Commands

@Suite("estiba up")
struct UpTests {
    private let start = ContinuousClock.now

    @Test func `a part that dies is started again, ever later, and at once when it ran well`() {
        var keeper = PartKeeper()
        #expect(keeper.receive(.began(["broker"]), at: start) == [.start("broker", after: .zero)])
        var now = start
        for wanted in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            #expect(keeper.receive(.started("broker", pid: 7), at: now) == [.record(["broker": 7])])
            now += .seconds(1)
            #expect(
                keeper.receive(.ended("broker"), at: now)
                    == [.record([:]), .start("broker", after: .milliseconds(wanted))])
        }
        _ = keeper.receive(.started("broker", pid: 8), at: now)
        now += .seconds(10)
        #expect(
            keeper.receive(.ended("broker"), at: now) == [.record([:]), .start("broker", after: .milliseconds(100))])
    }

    @Test func `nothing is started while stopping`() {
        var keeper = PartKeeper()
        _ = keeper.receive(.started("node1", pid: 7), at: start)
        _ = keeper.receive(.stopping, at: start)
        #expect(keeper.receive(.ended("node1"), at: start) == [.record([:])])
    }

    @Test(arguments: [
        ("127.0.0.1:7480", true), ("localhost:0", true), ("127.0.1.10:80", true), ("0.0.0.0:80", false),
        ("127.0.0.1", false), (":80", false), ("127.0.0.1:x", false), ("127.0.0.1:70000", false),
        ("1270.0.0.1:1", false),
    ])
    func `the console listens on loopback`(_ text: String, _ isGood: Bool) {
        #expect((ListenAddress(text) != nil) == isGood)
    }
}

import Foundation
import Messages
import SwiftProtobuf
import Synchronization
import Testing

@testable import Gateway

/// The figures of nodes at the gateway: what is followed, who gets what, and what a hostile node may say.
@Suite(.timeLimit(.minutes(1))) struct CoreStatusTests {
    private let a = NodeName("a")!
    private let b = NodeName("b")!

    private func body(_ fill: (inout WireStatus) -> Void) throws -> [UInt8] {
        try WireStatus.with(fill).serializedBytes()
    }

    private func put(_ load: Double, _ node: NodeName, in statuses: Statuses) throws {
        statuses.receive(topic: Topic.status(node).bytes, try body { $0.load = [load, 1, 1] })
    }

    private func loads(_ figures: [StatusFigure]) -> [String: Double] {
        struct Shown: Decodable { var load: [Double] }
        return Dictionary(
            uniqueKeysWithValues: figures.map { figure in
                let shown = try? JSONDecoder().decode(Shown.self, from: Data(figure.json(isBrief: false)))
                return (figure.node.description, shown?.load.first ?? -1)
            })
    }

    private func become(_ prefixes: [String], _ statuses: Statuses) async throws {
        try await eventually("\(prefixes)") { statuses.prefixes == prefixes }
    }

    @Test func `exactly the nodes that somebody looks at are followed, and none when nobody does`() async throws {
        let calls = Mutex(0)
        let statuses = Statuses(linger: .milliseconds(1)) { calls.withLock { $0 += 1 } }
        #expect(statuses.prefixes == [])
        try await statuses.watching([a]) { _ in
            #expect(statuses.prefixes == ["status/a/"])
            await statuses.watching([a, b]) { _ in
                #expect(statuses.prefixes == ["status/a/", "status/b/"])
            }
            try await become(["status/a/"], statuses)
        }
        try await become([], statuses)
        try await eventually("four calls") { calls.withLock { $0 } >= 4 }
        #expect(calls.withLock { $0 } == 4)
    }

    @Test func `who looks on and off in haste sets nothing in motion`() async throws {
        let calls = Mutex(0)
        let statuses = Statuses(linger: .seconds(60)) { calls.withLock { $0 += 1 } }
        for _ in 0..<1000 { await statuses.watching([a, b]) { _ in } }
        #expect(calls.withLock { $0 } == 1 && statuses.prefixes == ["status/a/", "status/b/"])
    }

    @Test func `a slow viewer gets the newest figure of each of its nodes and no queue`() async throws {
        let statuses = Statuses {}
        try await statuses.watching([a]) { changes in
            for load in 1...1000 { try put(Double(load), a, in: statuses) }
            try put(5, b, in: statuses)
            for await figures in changes {
                #expect(loads(figures) == ["a": 1000])
                break
            }
        }
    }

    @Test func `who begins to look sees at once what another has just seen, encoded once for both`() async throws {
        let statuses = Statuses {}
        try await statuses.watching([a]) { first in
            try put(3, a, in: statuses)
            var firstSeen: StatusFigure?
            for await figures in first {
                firstSeen = figures.first
                break
            }
            await statuses.watching([a, b]) { second in
                for await figures in second {
                    #expect(figures.first === firstSeen && loads(figures) == ["a": 3])
                    break
                }
            }
        }
        // Nobody looks: nothing is kept.
        try put(4, a, in: statuses)
        try await statuses.watching([a]) { changes in
            try put(9, a, in: statuses)
            for await figures in changes {
                #expect(loads(figures) == ["a": 9])
                break
            }
        }
    }

    @Test func `numbers that are none are left out, and nothing is longer than it may be`() throws {
        let long = String(repeating: "x", count: 10_000)
        let hostile = try body {
            $0.hostname = long
            $0.load = [.nan, 1, 2]
            $0.cpuPercent = .infinity
            $0.corePercent = [Double](repeating: -.nan, count: 5000)
            $0.busiest = (0..<100).map { _ in
                .with {
                    $0.name = long; $0.cpuPercent = .nan
                }
            }
            $0.own = Dictionary(uniqueKeysWithValues: (0..<100).map { ("\($0)", long) })
        }
        let view = StatusView(a, try WireStatus(serializedBytes: hostile))
        #expect(view.hostname?.count == StatusView.longestText && view.cpu == nil && view.busiest?[0].cpu == nil)
        #expect(view.busiest?.count == 64 && view.own?.count == 64 && view.cores?.count == 4096 && view.cores?[0] == 0)
        #expect(view.memory == nil && view.load?.count != 3)
        let figure = try #require(StatusFigure(a, try body { $0.hostname = "h" }, at: .now))
        #expect(String(decoding: figure.json(isBrief: false), as: UTF8.self).contains(#""hostname":"h""#))
        #expect(StatusFigure(a, [UInt8](repeating: 0, count: StatusFigure.largestBytes + 1), at: .now) == nil)
        #expect(StatusFigure(a, [255, 255, 255], at: .now)?.json(isBrief: false) == [])
    }

    @Test func `the figures come out as they went in, and in brief without the long lists`() throws {
        let figure = try body {
            $0.timeMilliseconds = 5
            $0.cpuPercent = 12.345
            $0.corePercent = [1, 2]
            $0.memory = .with {
                $0.total = 100; $0.available = 40
            }
            $0.network = .with {
                $0.interface = "eth0"; $0.receivedBytesPerSecond = 9.6
            }
            $0.busiest = [
                .with {
                    $0.pid = 7; $0.name = "p"; $0.user = "ana"; $0.cpuPercent = 50
                }
            ]
            $0.disks = [
                .with {
                    $0.path = "/"; $0.totalBytes = 10; $0.freeBytes = 4
                }
            ]
            $0.offsetMilliseconds = -3
            $0.runs = 2
        }
        let view = StatusView(a, try WireStatus(serializedBytes: figure))
        #expect(view.cpu == 12.3 && view.cores == [1, 2] && view.memory?.available == 40 && view.runs == 2)
        #expect(view.network?.receivedPerSecond == 10 && view.busiest?[0].user == "ana" && view.offset == -3)
        #expect(view.uptime == nil && view.temperature == nil && view.disks?[0].free == 4)
        #expect(view.brief.busiest == nil && view.brief.cores == nil && view.brief.cpu == 12.3)
    }
}

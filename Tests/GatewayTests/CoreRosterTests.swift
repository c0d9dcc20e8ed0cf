import Messages
import Testing

@testable import Gateway

/// What a gateway holds of the brokers' rosters, and how it notices that it has missed something.
struct CoreRosterTests {
    private func presence(_ node: String, _ sequence: UInt64, present: Bool = true) -> WirePresence {
        var presence = WirePresence()
        presence.node = node
        presence.present = present
        presence.instance = 7
        presence.sequence = sequence
        return presence
    }

    private func digest(_ nodes: [(String, UInt64)]) -> UInt64 {
        var digest = RosterDigest()
        for (node, sequence) in nodes { digest.add(node, sequence: sequence) }
        return digest.value
    }

    @Test func `a change that is missing at two heartbeats running is asked for, and once it is here no more`() {
        var rosters = Rosters()
        var roster = WireRoster()
        roster.instance = 7
        roster.sequence = 2
        roster.nodes = [presence("n1", 1), presence("n2", 2, present: false)]
        _ = rosters.receive(.registered([NodeName("n1")!, NodeName("n2")!]))
        _ = rosters.receive(.roster(broker: 0, roster))
        let answer1 = rosters.isBehind(0, digest([("n1", 1)]))
        #expect(!answer1)
        let wanted = digest([("n2", 3), ("n1", 1)])
        let answer2 = rosters.isBehind(0, wanted)
        #expect(!answer2)
        let answer3 = rosters.isBehind(0, wanted)
        #expect(answer3)
        _ = rosters.receive(.presence(broker: 0, presence("n2", 3)))
        let answer4 = rosters.isBehind(0, wanted)
        #expect(!answer4)
        let answer5 = rosters.isBehind(0, digest([]))
        #expect(!answer5)
    }

    @Test func `who is reached by no broker any more is away since the last one was lost`() throws {
        var rosters = Rosters()
        let node = try #require(NodeName("n1"))
        var roster = WireRoster()
        (roster.instance, roster.sequence) = (7, 1)
        roster.nodes = [presence("n1", 1)]
        _ = rosters.receive(.registered([node]))
        for broker in 0...1 { _ = rosters.receive(.roster(broker: broker, roster)) }
        let first = rosters.receive(.lost(broker: 0, atMilliseconds: 500))
        let isStillPresent = first.allSatisfy(\.isPresent)
        #expect(isStillPresent)
        let last = rosters.receive(.lost(broker: 1, atMilliseconds: 900))
        #expect(last == [Rosters.Change(node: node, isPresent: false, arrived: false, sinceMilliseconds: 900)])
        #expect(rosters.view(of: node)?.present == false && rosters.view(of: node)?.since == 900)
        let again = rosters.receive(.roster(broker: 1, roster))
        let arrivals = again.map(\.arrived)
        #expect(arrivals == [true] && rosters.view(of: node)?.present == true)
    }

    @Test func `a broker whose nodes come one after another is not asked all the time`() {
        var rosters = Rosters()
        for sequence in 1...5 as ClosedRange<UInt64> {
            let answer6 = rosters.isBehind(0, digest((1...sequence).map { ("n\($0)", $0) }))
            #expect(!answer6)
        }
    }

    @Test func `the digest does not know an order, and is never 0`() {
        #expect(digest([("n1", 1), ("n2", 2)]) == digest([("n2", 2), ("n1", 1)]))
        #expect(digest([("n1", 1)]) != digest([("n1", 2)]))
        #expect(digest([]) == 1)
        // By FNV-1a-64's own definition, over "a" and eight zero bytes.
        #expect(digest([("a", 0)]) == 0xBFE4_D88F_2353_F60C)
    }
}

import Testing

@testable import Simulator

/// What a simulation is made of.
struct PieceTests {
    @Test func `dice give the numbers of SplitMix64`() {
        // From the reference implementation (Vigna, splitmix64.c) with the seed 1234567.
        var dice = Dice(seed: 1_234_567)
        #expect(
            (0..<3).map { _ in dice.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            ])
    }

    @Test func `an agenda gives what is due first, and of the same time what came first`() {
        var agenda = Agenda()
        var dice = Dice(seed: 9)
        var done: [(Int64, Int)] = []
        var wanted: [(Int64, Int)] = []
        for number in 0..<500 {
            let time = Int64(dice.below(40))
            wanted.append((time, number))
            agenda.add(at: time) { done.append((time, number)) }
        }
        while let next = agenda.next() { next.action() }
        wanted.sort { $0 < $1 }
        #expect(done.elementsEqual(wanted, by: ==))
        #expect(agenda.isEmpty)
    }

    @Test func `a trace keeps its last lines in order and the number of all`() {
        var short = Trace(.last(2))
        var number = Trace(.number)
        for value in 1...5 {
            short.note(Int64(value) * 1_000_000, 1, UInt64(value), "event \(value)")
            number.note(Int64(value) * 1_000_000, 1, UInt64(value), "")
        }
        #expect(short.lastLines == ["0.004000 event 4", "0.005000 event 5"])
        #expect(short.number == number.number && short.events == 5)
    }
}

import Messages
import Testing

@testable import Gateway

/// What is appended, what is asked for, and when an execution's output is all there.
@Suite struct CoreLogCopyTests {
    private var copy = LogCopy()
    private let id = ExecutionID(high: 3, low: 4)
    private let a = node("a")
    private var key: RunKey { RunKey(execution: id, run: 0) }

    private mutating func open(spool: UInt64 = 0, position: UInt64 = 0, final: UInt64? = nil, asks: Bool = false) {
        _ = copy.receive(.arrived(a), at: .zero)
        _ = copy.receive(
            .opened(
                id,
                [LogCopy.Start(node: a, spool: spool, position: position, finalLength: final, asksAtOnce: asks)]),
            at: .zero)
    }

    private mutating func slice(
        _ position: UInt64, _ length: Int, spool: UInt64 = 7, at now: Duration = .seconds(1)
    ) -> (decision: LogCopy.Decision, effects: [LogCopy.Effect]) {
        copy.receive(slice: key, spool: spool, position: position, length: length, at: now)
    }

    private func replay(_ from: UInt64, _ to: UInt64) -> LogCopy.Effect {
        .requestReplay(key, a, spool: 7, from: from, to: to)
    }

    @Test mutating func `slices in order are appended, and the first one says which spool it is`() {
        open()
        #expect(slice(0, 100).decision == .append(cut: 0))
        #expect(slice(100, 50).decision == .append(cut: 0))
        #expect(copy.position(of: key) == 150)
        #expect(slice(150, 10, spool: 8).decision == .drop)
    }

    @Test mutating func `a node is told what is taken at the end of a pass, once there is much of it`() {
        open()
        _ = slice(0, 8191)
        #expect(copy.endPass(at: .seconds(1)).isEmpty)
        _ = slice(8191, 1)
        _ = slice(8192, 20_000)
        let told = LogCopy.Effect.taken(key, a, spool: 7, position: 28_192, window: OutputShare.all)
        #expect(copy.endPass(at: .seconds(1)) == [told])
        _ = slice(0, 28_192)
        // From now on it may have so much on its way that it is told less often.
        let fourth = Int(OutputShare.all / 4)
        _ = slice(28_192, fourth - 1)
        #expect(copy.endPass(at: .seconds(1)).isEmpty)
        _ = slice(28_191 + UInt64(fourth), 1)
        #expect(copy.endPass(at: .seconds(1)).count == 1)
    }

    @Test mutating func `a node that says how far it had published is told at once where the log stands`() {
        open()
        _ = slice(0, 20_000)
        _ = copy.endPass(at: .seconds(1))
        _ = slice(20_000, 100)
        #expect(copy.endPass(at: .seconds(1)).isEmpty)
        #expect(
            copy.receive(.replayed(key, spool: 7, released: 0, length: 20_100, gone: false), at: .seconds(2)).isEmpty)
        let told = LogCopy.Effect.taken(key, a, spool: 7, position: 20_100, window: OutputShare.all)
        #expect(copy.endPass(at: .seconds(2)) == [told])
    }

    @Test mutating func `what is lost was printed by nobody, and changes nobody's share`() {
        let starts = [a, node("b")].map {
            LogCopy.Start(node: $0, spool: 7, position: 0, finalLength: nil, asksAtOnce: false)
        }
        _ = copy.receive(.opened(id, starts), at: .zero)
        for run in 0..<2 {
            let key = RunKey(execution: id, run: run)
            _ = copy.receive(slice: key, spool: 7, position: 0, length: 20_000, at: .seconds(1))
        }
        _ = copy.endPass(at: .seconds(1))
        let end: UInt64 = 1 << 40
        _ = copy.receive(.replayed(key, spool: 7, released: end, length: end, gone: false), at: .seconds(1))
        let told = LogCopy.Effect.taken(key, a, spool: 7, position: end, window: OutputShare.all / 2)
        #expect(copy.endPass(at: .seconds(1)) == [told])
    }

    @Test mutating func `what was seen before is a duplicate, and what overlaps is cut`() {
        open()
        _ = slice(0, 100)
        #expect(slice(0, 100).decision == .duplicate)
        #expect(slice(40, 60).decision == .duplicate)
        #expect(slice(40, 100).decision == .append(cut: 60))
        #expect(copy.position(of: key) == 140)
    }

    @Test mutating func `a gap is asked for once, again after five seconds, and closed by the range`() {
        open()
        _ = slice(0, 100)
        let beyond = slice(300, 100)
        #expect(beyond.decision == .drop && beyond.effects == [replay(100, 400)])
        #expect(slice(400, 100, at: .seconds(1.1)).effects.isEmpty)
        #expect(copy.receive(.tick, at: .seconds(5.9)).isEmpty)
        #expect(copy.receive(.tick, at: .seconds(6.2)) == [replay(100, 500)])
        #expect(slice(100, 400, at: .seconds(6.3)).decision == .append(cut: 0))
        #expect(copy.receive(.tick, at: .seconds(9)).isEmpty)
    }

    @Test mutating func `a long way back is asked for in pieces, the next as soon as one is here`() {
        open()
        let far: UInt64 = 3 << 20
        #expect(slice(far, 10).effects == [replay(0, 1 << 20)])
        var asked: [LogCopy.Effect] = []
        var position: UInt64 = 0
        while position < far + 10 {
            let length = min(65_536, Int(far + 10 - position))
            asked += slice(position, length, at: .seconds(1.5)).effects
            position += UInt64(length)
        }
        #expect(asked.count >= 2 && asked.count <= 4)
        #expect(copy.position(of: key) == far + 10)
        #expect(copy.receive(.tick, at: .seconds(60)).isEmpty)
    }

    @Test mutating func `what the node has let go becomes a gap`() {
        open()
        _ = slice(0, 100)
        _ = slice(900, 100)
        let answer = copy.receive(.replayed(key, spool: 7, released: 500, length: 1000, gone: false), at: .seconds(2))
        #expect(answer == [.gap(key, spool: 7, to: 500), replay(500, 1000)])
        #expect(slice(0, 500, at: .seconds(2)).decision == .duplicate)
        #expect(slice(400, 600, at: .seconds(2)).decision == .append(cut: 100))
    }

    @Test mutating func `a report that overtakes the output only waits for it`() {
        open()
        _ = slice(0, 100)
        #expect(copy.receive(.reported(key, spool: 7, finalLength: 300), at: .seconds(1)).isEmpty)
        #expect(slice(100, 200, at: .seconds(1.05)).effects == [.complete(id)])
    }

    @Test mutating func `output that a report promises and nobody sends is asked for`() {
        open()
        _ = copy.receive(.reported(key, spool: 7, finalLength: 300), at: .seconds(1))
        #expect(copy.receive(.tick, at: .seconds(1.1)).isEmpty)
        #expect(copy.receive(.tick, at: .seconds(1.2)) == [replay(0, 300)])
        #expect(slice(0, 300, at: .seconds(1.3)).effects == [.complete(id)])
    }

    @Test mutating func `while output of others comes, what a report promises is waited for a second`() {
        let b = node("b")
        let start = { LogCopy.Start(node: $0, spool: 0, position: 0, finalLength: nil, asksAtOnce: false) }
        _ = copy.receive(.arrived(a), at: .zero)
        _ = copy.receive(.opened(id, [start(a), start(b)]), at: .zero)
        _ = copy.receive(.reported(key, spool: 7, finalLength: 300), at: .seconds(1))
        let other = RunKey(execution: id, run: 1)
        for tenth in 1..<10 {
            let now = Duration.seconds(1) + .milliseconds(tenth * 100)
            #expect(copy.receive(.tick, at: now).isEmpty)
            _ = copy.receive(slice: other, spool: 8, position: UInt64(tenth - 1) * 10, length: 10, at: now)
        }
        #expect(copy.receive(.tick, at: .seconds(2)) == [replay(0, 300)])
    }

    @Test mutating func `a run without output is complete with its last state`() {
        open()
        #expect(copy.receive(.reported(key, spool: 0, finalLength: 0), at: .seconds(1)) == [.complete(id)])
    }

    @Test mutating func `an execution is complete when its last run is`() {
        let b = node("b")
        let start = { LogCopy.Start(node: $0, spool: 0, position: 0, finalLength: nil, asksAtOnce: false) }
        _ = copy.receive(.opened(id, [start(a), start(b)]), at: .zero)
        #expect(copy.receive(.reported(key, spool: 0, finalLength: 0), at: .zero).isEmpty)
        let other = RunKey(execution: id, run: 1)
        #expect(copy.receive(.reported(other, spool: 0, finalLength: 0), at: .zero) == [.complete(id)])
    }

    @Test mutating func `after a restart every unfinished run is asked for`() {
        _ = copy.receive(
            .opened(id, [LogCopy.Start(node: a, spool: 7, position: 40, finalLength: nil, asksAtOnce: true)]), at: .zero
        )
        #expect(copy.receive(.arrived(a), at: .seconds(1)) == [replay(40, 40 + 1 << 20)])
        #expect(copy.receive(.replayed(key, spool: 7, released: 0, length: 40, gone: false), at: .seconds(1)).isEmpty)
        #expect(copy.receive(.tick, at: .seconds(10)).isEmpty)
        #expect(copy.receive(.following, at: .seconds(11)).count == 1)
    }

    @Test mutating func `output of a node gone for an hour is counted as lost`() {
        open()
        _ = slice(0, 100)
        _ = copy.receive(.departed(a), at: .seconds(2))
        _ = copy.receive(.reported(key, spool: 7, finalLength: 300), at: .seconds(3))
        #expect(copy.receive(.tick, at: .seconds(3500)).isEmpty)
        #expect(copy.receive(.tick, at: .seconds(3603)) == [.gap(key, spool: 7, to: 300), .complete(id)])
    }

    @Test mutating func `of all that lack something four ask at a time, and who was served waits behind the others`() {
        let node = { (number: Int) in NodeName("n\(number)")! }
        for number in 0..<20 { _ = copy.receive(.arrived(node(number)), at: .zero) }
        let starts = (0..<20).map {
            LogCopy.Start(node: node($0), spool: 7, position: 0, finalLength: 4 << 20, asksAtOnce: true)
        }
        func runs(_ effects: [LogCopy.Effect]) -> [Int] {
            effects.compactMap { if case .requestReplay(let key, _, _, _, _) = $0 { key.run } else { nil } }
        }
        #expect(runs(copy.receive(.opened(id, starts), at: .seconds(1))) == Array(0..<4))
        let first = RunKey(execution: id, run: 0)
        // The next one takes the place, and the first asks for its second range after all others.
        let served = copy.receive(slice: first, spool: 7, position: 0, length: 1 << 20, at: .seconds(1))
        #expect(runs(served.effects) == [4])
        // One whose node is away holds no place.
        _ = copy.receive(.departed(node(1)), at: .seconds(1))
        #expect(runs(copy.receive(.tick, at: .seconds(1))) == [5])
        // One that is not answered loses its place after five seconds.
        for (turn, asking) in [Set(6..<10), Set(10..<14), Set(14..<18)].enumerated() {
            #expect(Set(runs(copy.receive(.tick, at: .seconds(6 + 5 * turn)))) == asking)
        }
        #expect(Set(runs(copy.receive(.tick, at: .seconds(21)))).isSuperset(of: [18, 19, 0]))
    }

    @Test func `a node has one place, however many of its runs lack something, and the nodes have theirs in turn`() {
        func key(_ number: Int) -> RunKey { RunKey(execution: id, run: number) }
        let (one, other) = (node("a"), node("b"))
        var turns = ReplayTurns()
        let begun = (0..<3).map { turns.begin(key($0), of: one) }
        #expect(begun == [true, false, false])
        let ofOther = (3..<5).map { turns.begin(key($0), of: other) }
        #expect(ofOther == [true, false])
        #expect(turns.next() == nil)
        turns.end(key(3), of: other)
        turns.end(key(0), of: one)
        // One that is not under way gives nothing up.
        turns.end(key(2), of: one)
        let (first, second, none) = (turns.next(), turns.next(), turns.next())
        #expect(first?.key == key(4) && second?.key == key(1) && none == nil)
        #expect(turns.contains(key(2), of: one) && !turns.contains(key(0), of: one))
    }

    @Test mutating func `while ranges come next to nothing may be published besides`() {
        func windows(_ effects: [LogCopy.Effect]) -> [UInt64] {
            effects.compactMap { if case .taken(_, _, _, _, let window) = $0 { window } else { nil } }
        }
        open()
        #expect(slice(100_000, 50_000).effects == [replay(0, 150_000)])
        _ = slice(0, 10_000)
        #expect(windows(copy.endPass(at: .seconds(1))) == [OutputShare.least])
        _ = slice(10_000, 140_000)
        #expect(windows(copy.endPass(at: .seconds(1))) == [OutputShare.all])
    }

    @Test mutating func `what was asked for and has come gives its place up, though more is missing by now`() {
        open()
        #expect(slice(100_000, 50_000).effects == [replay(0, 150_000)])
        #expect(slice(150_000, 50_000).effects.isEmpty)
        // At once, and not after the five seconds of one that is not answered.
        #expect(slice(0, 150_000).effects == [replay(150_000, 200_000)])
    }

    @Test mutating func `after a restart the first range is asked for once, however many pieces it comes in`() {
        open(spool: 7, asks: true)
        for piece in 0..<4 { #expect(slice(UInt64(piece) * 50_000, 50_000).effects.isEmpty) }
        let answer = LogCopy.Event.replayed(key, spool: 7, released: 0, length: 200_000, gone: false)
        #expect(copy.receive(answer, at: .seconds(1)).isEmpty)
        #expect(copy.receive(.tick, at: .seconds(9)).isEmpty)
    }

    @Test mutating func `a node that has no more is not asked again at once`() {
        open()
        #expect(slice(300, 100).effects == [replay(0, 400)])
        let nothing = LogCopy.Event.replayed(key, spool: 7, released: 0, length: 0, gone: false)
        #expect(copy.receive(nothing, at: .seconds(1)).isEmpty)
        #expect(copy.receive(.tick, at: .seconds(1.1)).isEmpty)
        #expect(copy.receive(.tick, at: .seconds(1.2)) == [replay(0, 400)])
    }

    @Test mutating func `of a log that cannot be written nothing is asked`() {
        open()
        _ = slice(300, 100)
        copy.forget(id)
        #expect(copy.receive(.reported(key, spool: 7, finalLength: 400), at: .seconds(2)).isEmpty)
        #expect(copy.receive(.tick, at: .seconds(9)).isEmpty)
    }

    @Test mutating func `a spool that is gone ends in a gap up to its final length`() {
        open()
        _ = slice(0, 100)
        _ = copy.receive(.reported(key, spool: 7, finalLength: 300), at: .seconds(1))
        let effects = copy.receive(.replayed(key, spool: 7, released: 0, length: 0, gone: true), at: .seconds(2))
        #expect(effects == [.gap(key, spool: 7, to: 300), .complete(id)])
    }

    @Test(arguments: 0..<200)
    mutating func `whatever is dropped, doubled and reordered, the copy is whole and in order`(seed: Int) {
        var random = Sequence(seed: UInt64(seed) + 1)
        open()
        let lengths = (0..<60).map { _ in Int(random.next(below: 40_000)) + 1 }
        let starts = lengths.indices.map { lengths[..<$0].reduce(0, +) }
        let total = UInt64(lengths.reduce(0, +))
        var now = Duration.seconds(1)
        var end: UInt64 = 0
        var isComplete = false
        var asked: [(UInt64, UInt64)] = []
        func note(_ effects: [LogCopy.Effect]) {
            for effect in effects {
                switch effect {
                case .requestReplay(_, _, _, let from, let to): asked.append((from, to))
                case .complete: isComplete = true
                case .gap: Issue.record("no gap was due")
                case .taken: break
                }
            }
        }
        func give(_ index: Int) {
            let result = copy.receive(
                slice: key, spool: 7, position: UInt64(starts[index]), length: lengths[index], at: now)
            if case .append(let cut) = result.decision {
                #expect(UInt64(starts[index] + cut) == end)
                end = UInt64(starts[index] + lengths[index])
            }
            note(result.effects)
        }
        for index in lengths.indices where random.next(below: 4) > 0 {
            give(random.next(below: 8) == 0 ? Int(random.next(below: UInt64(index + 1))) : index)
            now += .milliseconds(1)
        }
        note(copy.receive(.reported(key, spool: 7, finalLength: total), at: now))
        for _ in 0..<2000 where !isComplete {
            now += .milliseconds(100)
            note(copy.receive(.tick, at: now))
            let ranges = asked
            asked = []
            for (from, to) in ranges {
                for index in lengths.indices
                where UInt64(starts[index] + lengths[index]) > from && UInt64(starts[index]) < to {
                    if random.next(below: 5) > 0 { give(index) }
                }
                note(copy.receive(.replayed(key, spool: 7, released: 0, length: total, gone: false), at: now))
            }
        }
        #expect(isComplete && end == total)
    }
}

/// Numbers that look random and are the same for a seed (xorshift64).
struct Sequence {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next(below limit: UInt64) -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state % limit
    }
}

struct SyncTurnsTests {
    @Test func `a log whose time came while another batch was under way waits for no other period`() {
        var turns = SyncTurns()
        var steps = [turns.next(isUrgent: false), turns.next(isUrgent: false)]
        #expect(steps == [.beginLater, .wait])
        // One is over and goes to the disk; what comes meanwhile is for the next.
        steps = [
            turns.next(isUrgent: true), turns.timeIsUp(isUnderWay: true, isOwed: true), turns.next(isUrgent: false),
        ]
        #expect(steps == [.begin, .wait, .begin])
        steps = [
            turns.next(isUrgent: false), turns.timeIsUp(isUnderWay: false, isOwed: true), turns.next(isUrgent: false),
        ]
        #expect(steps == [.beginLater, .begin, .beginLater])
        // Nothing waits for the next one.
        steps = [turns.timeIsUp(isUnderWay: true, isOwed: false), turns.next(isUrgent: false)]
        #expect(steps == [.wait, .beginLater])
    }
}

@Suite struct ArrivalsWaitingTests {
    private func slice(_ count: Int) -> Arrival {
        .slice(topic: [], header: [], records: Array(repeating: 0, count: count))
    }

    private func lengths(_ arrivals: [Arrival]) -> [Int] {
        arrivals.map {
            switch $0 {
            case .slice(_, _, let bytes), .range(_, _, let bytes): bytes.count
            default: 0
            }
        }
    }

    @Test
    func `of what comes faster than it is copied long slices are let go of first, then ranges, and short ones never`() {
        let waiting = ArrivalsWaiting()
        let range = Arrival.range(ExecutionID(high: 1, low: 2), node("a"), Array(repeating: 0, count: 65_536))
        let batch = [slice(100), slice(60_000), range, .following]
        #expect(waiting.since == nil && lengths(waiting.came(batch, at: .seconds(1))) == [100, 60_000, 65_536, 0])
        let much = [slice(12 << 20)]
        #expect(lengths(waiting.came(much, at: .seconds(2))) == [12 << 20] && waiting.takeLetGo() == 0)
        #expect(lengths(waiting.came(batch, at: .seconds(3))) == [100, 65_536, 0])
        #expect(lengths(waiting.came([range], at: .seconds(3))) == [65_536])
        #expect(waiting.takeLetGo() == 60_000 && waiting.takeLetGo() == 0)
        waiting.taken(much, came: .seconds(2))
        #expect(lengths(waiting.came(batch, at: .seconds(4))) == [100, 60_000, 65_536, 0])
    }

    @Test func `an hour without output is no delay: what waits is as old as it is`() {
        let waiting = ArrivalsWaiting()
        _ = waiting.came([slice(1)], at: .seconds(1))
        waiting.taken([slice(1)], came: .seconds(1))
        #expect(waiting.since == nil)
        _ = waiting.came([slice(1)], at: .seconds(3600))
        _ = waiting.came([slice(1)], at: .seconds(3601))
        #expect(waiting.since == .seconds(3600))
        waiting.taken([slice(1)], came: .seconds(3600))
        #expect(waiting.since == .seconds(3600))
        waiting.taken([slice(1)], came: .seconds(3601))
        #expect(waiting.since == nil)
    }
}

import Messages
import Testing

@testable import Gateway

private let one = ExecutionID(high: 1, low: 1)
private let two = ExecutionID(high: 2, low: 2)
private let ana = Identity(user: "ana", uid: 1000, session: [UInt8](repeating: 3, count: 16))

private func run(_ id: ExecutionID, _ number: Int) -> ChangeBook.Subject { .run(RunKey(execution: id, run: number)) }

@Suite struct ChangeBookTests {
    @Test func `who asks gets each thing once that has changed since, in the order of its last change`() {
        var book = ChangeBook()
        for subject in [.execution(one), run(one, 0), run(one, 1), run(one, 0)] as [ChangeBook.Subject] {
            book.note(subject)
        }
        #expect(
            book.changes(since: 0, limit: 9)
                == ChangeBook.Page(subjects: [.execution(one), run(one, 1), run(one, 0)], upTo: 4))
        #expect(book.changes(since: 2, limit: 9) == ChangeBook.Page(subjects: [run(one, 1), run(one, 0)], upTo: 4))
        #expect(book.changes(since: 4, limit: 9) == ChangeBook.Page(subjects: [], upTo: 4))
    }

    @Test func `pages lead to the end and leave nothing out`() {
        var book = ChangeBook()
        for number in 0..<100 { book.note(run(one, number % 40)) }
        var (since, seen) = (UInt64(0), [ChangeBook.Subject]())
        while let page = book.changes(since: since, limit: 7), !page.subjects.isEmpty {
            seen += page.subjects
            since = page.upTo
        }
        #expect(Set(seen).count == 40 && seen.count == 40 && since == book.last)
    }

    @Test func `what is forgotten makes the asker catch up, and no number of the future is answered`() {
        var book = ChangeBook(most: 10)
        for number in 0..<25 { book.note(run(one, number)) }
        #expect(book.changes(since: 0, limit: 99) == nil)
        #expect(book.changes(since: book.last + 1, limit: 99) == nil)
        #expect(book.changes(since: book.last - 5, limit: 99)?.subjects.count == 5)
        // What changes again and again never fills the book.
        var busy = ChangeBook(most: 10)
        for _ in 0..<1000 { busy.note(run(two, 0)) }
        #expect(busy.changes(since: 0, limit: 99)?.subjects == [run(two, 0)])
    }
}

@Suite struct OwedStopTests {
    private let n1 = node("n1")
    private let n2 = node("n2")
    private var wish: OwedStops.Wish {
        OwedStops.Wish(execution: one, identity: ana, nodes: [0: n1, 1: n2], graceMilliseconds: 5)
    }

    @Test func `an owner that is there is asked, again after a second, and the nodes are not told`() {
        var owed = OwedStops()
        owed.add(wish)
        let look = OwedStops.Look(isOwnerPresent: true, present: [n1, n2])
        #expect(owed.due(one, look, at: .zero) == [.handOn(wish)])
        #expect(owed.due(one, look, at: .milliseconds(900)).isEmpty)
        #expect(owed.due(one, look, at: .seconds(1)) == [.handOn(wish)])
        #expect(owed.taken(one) == wish && owed.isEmpty)
        #expect(owed.due(one, look, at: .seconds(9)).isEmpty)
    }

    @Test func `while the owner is away the nodes that are there are told, and one that comes back at once`() {
        var owed = OwedStops()
        owed.add(wish)
        func look(_ present: NodeName...) -> OwedStops.Look {
            OwedStops.Look(isOwnerPresent: false, present: Set(present))
        }
        #expect(owed.due(one, look(n1), at: .zero) == [.tellNodes(wish, [n1])])
        #expect(owed.due(one, look(n1), at: .seconds(1)).isEmpty)
        #expect(owed.due(one, look(n1, n2), at: .seconds(2)) == [.tellNodes(wish, [n2])])
        #expect(owed.due(one, look(n1), at: .seconds(3)).isEmpty)
        #expect(owed.due(one, look(n1, n2), at: .seconds(4)) == [.tellNodes(wish, [n2])])
        #expect(owed.due(one, look(n1, n2), at: .seconds(6)) == [.tellNodes(wish, [n1])])
        // The owner is back: it still gets it.
        #expect(
            owed.due(one, OwedStops.Look(isOwnerPresent: true, present: []), at: .seconds(6)) == [.handOn(wish)])
    }

    @Test func `wishes for one execution become one, with the grace given last`() {
        var owed = OwedStops()
        owed.add(OwedStops.Wish(execution: one, identity: ana, nodes: [0: n1], graceMilliseconds: 9))
        owed.add(OwedStops.Wish(execution: one, identity: ana, nodes: [1: n2], graceMilliseconds: 5))
        #expect(owed[one] == wish)
    }
}

@Suite struct MirrorRoomTests {
    private let three = ExecutionID(high: 3, low: 3)

    @Test func `what was read longest ago goes first, and nothing that is open`() {
        var room = MirrorRoom(MirrorRoom.Bounds(bytes: 100))
        room.use(one, bytes: 40, at: 0)
        room.use(two, bytes: 40, at: 0)
        room.use(three, bytes: 10, at: 0)
        let none = room.leaving(open: [], at: 0)
        #expect(none.isEmpty)
        room.use(one, bytes: 40, at: 0)
        room.grew(three, to: 30)
        let first = room.leaving(open: [three], at: 0)
        #expect(first == [two])
        #expect((room.bytes, room.count) == (70, 2))
        room.grew(three, to: 200)
        #expect(room.isOverfull)
        let open = room.leaving(open: [three, one], at: 0)
        #expect(open.isEmpty)
        let second = room.leaving(open: [three], at: 0)
        #expect(second == [one])
    }

    @Test func `what nobody has read for long goes, however little it is`() {
        var room = MirrorRoom(MirrorRoom.Bounds(bytes: 100, kept: .seconds(10)))
        room.use(one, bytes: 1, at: 0)
        room.use(two, bytes: 1, at: 5000)
        room.use(three, bytes: 1, at: 0)
        let young = room.leaving(open: [], at: 10_000)
        #expect(young.isEmpty)
        let old = room.leaving(open: [three], at: 10_001)
        #expect(old == [one])
        // Read until now: it has ten seconds more.
        room.use(three, bytes: 1, at: 10_001)
        let later = room.leaving(open: [], at: 20_001)
        #expect(later == [two])
    }
}

@Suite struct UntoldNodesTests {
    private let n1 = node("n1")
    private let n2 = node("n2")

    @Test func `a node is told when it is there, again until it says so, and at once when it comes back`() {
        var untold = UntoldNodes()
        untold.add(one, n1, term: 7)
        untold.add(one, n2, term: 7)
        let telling = UntoldNodes.Telling(execution: one, node: n1, term: 7)
        #expect(untold.due(present: [n1], at: .zero) == [telling])
        #expect(untold.due(present: [n1], at: .seconds(1)).isEmpty)
        untold.arrived(n1)
        #expect(untold.due(present: [n1], at: .seconds(1)) == [telling])
        #expect(untold.due(present: [n1], at: .seconds(3)) == [telling])
        let taken = (untold.taken(one, n1), untold.taken(one, n1))
        #expect(taken == (true, false))
        #expect(untold.due(present: [n1], at: .seconds(9)).isEmpty && !untold.isEmpty)
        #expect(untold.due(present: [n2], at: .seconds(9)).map(\.node) == [n2])
    }

    @Test func `thousands are told by and by`() {
        var untold = UntoldNodes()
        for number in 0..<1200 { untold.add(ExecutionID(high: 1, low: UInt64(number)), n1, term: 1) }
        let told = (0..<3).map { untold.due(present: [n1], at: .milliseconds($0)).count }
        #expect(told == [500, 500, 200])
    }
}

import Messages
import Testing

@testable import Gateway

/// Who is told what and when, without a bus.
@Suite struct CoreDispatcherTests {
    private var dispatcher = Dispatcher()
    private let id = ExecutionID(high: 1, low: 2)
    private let a = node("a")
    private let b = node("b")

    private func at(_ seconds: Double) -> Moment {
        Moment(steady: .seconds(1000) + .seconds(seconds), unixMilliseconds: 5_000_000 + Int64(seconds * 1000))
    }

    private func execution(waitSeconds: Int64 = 600) -> Execution { Execution(head(id, [a, b], waitSeconds)) }

    private func report(_ sequence: UInt64, _ state: RunState, final: UInt64 = 0) -> Dispatcher.Report {
        Dispatcher.Report(sequence: sequence, state: state, spool: 7, finalLength: final)
    }

    private func key(_ run: Int) -> RunKey { RunKey(execution: id, run: run) }

    @Test func `a report of a length that no spool can have is none`() {
        var wire = WireReport()
        RunState.exited(code: 0).fill(&wire)
        wire.finalLength = SliceHeader.greatestPosition
        #expect(Dispatcher.Report(wire) != nil)
        wire.finalLength += 1
        #expect(Dispatcher.Report(wire) == nil)
    }

    @Test mutating func `an order goes to all that are there, at once and in one message`() {
        #expect(dispatcher.receive(.arrived(a), at: at(0)) == [.clock([a])])
        _ = dispatcher.receive(.arrived(b), at: at(0))
        #expect(dispatcher.receive(.opened(execution()), at: at(1)) == [.deliver(id, [a, b])])
    }

    @Test mutating func `a node that comes back gets the order it missed`() {
        _ = dispatcher.receive(.arrived(a), at: at(0))
        #expect(dispatcher.receive(.opened(execution()), at: at(0)) == [.deliver(id, [a])])
        #expect(dispatcher.receive(.arrived(b), at: at(300)).contains(.deliver(id, [b])))
    }

    @Test mutating func `a run whose session was revoked is cancelled, and says so`() {
        _ = dispatcher.receive(.arrived(a), at: at(0))
        _ = dispatcher.receive(.opened(execution()), at: at(0))
        let wish = StopWish(graceMilliseconds: 0, user: StopWish.revocation)
        let effects = dispatcher.receive(.stopWished(id, runs: nil, wish), at: at(1))
        // The one that is away was given nothing; the one that is there may have been.
        #expect(dispatcher[key(1)]?.state == .cancelled)
        #expect(
            dispatcher[key(1)]?.note
                == Failure(.revoked, "Its login session was revoked before b was given the order."))
        #expect(effects.contains(.stop(id, [a], wish)))
        _ = dispatcher.receive(.reported(id, a, report(1, .cancelled)), at: at(2))
        #expect(dispatcher[key(0)]?.note?.code == .revoked)
    }

    @Test mutating func `an order is sent again after 1, 2, 4 seconds until the worker reports`() {
        _ = dispatcher.receive(.arrived(a), at: at(0))
        _ = dispatcher.receive(.opened(execution()), at: at(0))
        var sent: [Int] = []
        for tenth in 1...160 {
            let effects = dispatcher.receive(.tick, at: at(Double(tenth) / 10))
            if effects.contains(.deliver(id, [a])) { sent.append(tenth) }
        }
        #expect(sent == [10, 30, 70, 150])
        let effects = dispatcher.receive(.reported(id, a, report(1, .delivered)), at: at(17))
        #expect(effects == [.record(key(0)), .acknowledge(id, a, sequence: 1), .changed(key(0))])
        for second in 18...200 {
            #expect(!dispatcher.receive(.tick, at: at(Double(second))).contains(.deliver(id, [a])))
        }
    }

    @Test mutating func `an old or doubled report is acknowledged and changes nothing`() {
        _ = dispatcher.receive(.arrived(a), at: at(0))
        _ = dispatcher.receive(.opened(execution()), at: at(0))
        _ = dispatcher.receive(.reported(id, a, report(3, .running(pid: 5))), at: at(1))
        for sequence in [3, 2, 1] as [UInt64] {
            let effects = dispatcher.receive(.reported(id, a, report(sequence, .delivered)), at: at(2))
            #expect(effects == [.acknowledge(id, a, sequence: sequence)])
        }
        #expect(dispatcher[key(0)]?.state == .running(pid: 5))
    }

    @Test mutating func `the last state is final`() {
        _ = dispatcher.receive(.arrived(a), at: at(0))
        _ = dispatcher.receive(.opened(execution()), at: at(0))
        _ = dispatcher.receive(.reported(id, a, report(1, .exited(code: 3), final: 99)), at: at(1))
        _ = dispatcher.receive(.reported(id, a, report(2, .exited(code: 4), final: 100)), at: at(2))
        #expect(dispatcher[key(0)]?.state == .exited(code: 3))
        #expect(dispatcher[key(0)]?.finalLength == 99)
    }

    @Test mutating func `a node that never came expires at the deadline, in words that name it`() throws {
        _ = dispatcher.receive(.opened(execution(waitSeconds: 5)), at: at(0))
        #expect(dispatcher.receive(.tick, at: at(4.9)).isEmpty)
        let effects = dispatcher.receive(.tick, at: at(5))
        #expect(effects.contains(.record(key(0))) && effects.contains(.announce(key(1))))
        #expect(dispatcher[key(0)]?.state == .expired)
        let note = try #require(dispatcher[key(0)]?.note)
        #expect(note.code == .unreachable && note.sentence.contains("a ") && note.sentence.contains("again"))
        #expect(!dispatcher.receive(.arrived(a), at: at(6)).contains(.deliver(id, [a])))
    }

    @Test mutating func `an order that may be on its way expires only when its ticket is dead`() {
        _ = dispatcher.receive(.arrived(a), at: at(0))
        _ = dispatcher.receive(.opened(execution(waitSeconds: 5)), at: at(0))
        for second in 1...60 { _ = dispatcher.receive(.tick, at: at(Double(second))) }
        #expect(dispatcher[key(0)]?.state == .waiting)
        #expect(dispatcher[key(1)]?.state == .expired)
        for second in 61...75 { _ = dispatcher.receive(.tick, at: at(Double(second))) }
        #expect(dispatcher[key(0)]?.state == .expired)
        // The node took it after all: what lives there is ended.
        let effects = dispatcher.receive(.reported(id, a, report(1, .running(pid: 3))), at: at(100))
        #expect(effects.first == .acknowledge(id, a, sequence: 1))
        guard case .stop(id, [a], _)? = effects.last else {
            Issue.record("no stop was sent")
            return
        }
        #expect(dispatcher[key(0)]?.state == .expired)
    }

    @Test mutating func `a stop before any delivery cancels at once`() {
        _ = dispatcher.receive(.opened(execution()), at: at(0))
        let wish = StopWish(graceMilliseconds: 100, user: "ana")
        let effects = dispatcher.receive(.stopWished(id, runs: [1], wish), at: at(1))
        #expect(effects == [.record(key(1)), .changed(key(1)), .announce(key(1))])
        #expect(dispatcher[key(1)]?.state == .cancelled)
        #expect(dispatcher[key(0)]?.state == .waiting)
        #expect(!dispatcher.receive(.arrived(b), at: at(2)).contains(.deliver(id, [b])))
    }

    @Test mutating func `a stop after an order that no broker could hand on cancels at once`() {
        _ = dispatcher.receive(.arrived(a), at: at(0))
        _ = dispatcher.receive(.opened(execution()), at: at(0))
        _ = dispatcher.receive(.absent(id, [a]), at: at(0.1))
        _ = dispatcher.receive(.stopWished(id, runs: nil, StopWish(graceMilliseconds: 0, user: "ana")), at: at(0.2))
        #expect(dispatcher[key(0)]?.state == .cancelled)
        #expect(dispatcher.executions[id]?.isSettled == true)
    }

    @Test mutating func `a run that the node has cancelled has a reason, who stopped it`() throws {
        _ = dispatcher.receive(.arrived(a), at: at(0))
        _ = dispatcher.receive(.opened(execution()), at: at(0))
        _ = dispatcher.receive(
            .stopWished(id, runs: [0], StopWish(graceMilliseconds: 1, user: "ana")), at: at(1))
        _ = dispatcher.receive(.reported(id, a, report(1, .cancelled)), at: at(2))
        let note = try #require(dispatcher[key(0)]?.note)
        #expect(note.code == .cancelled && note.sentence.contains("by ana") && note.sentence.contains("on a"))
    }

    @Test mutating func `a stop is repeated until the run has ended, and after the node's return`() {
        _ = dispatcher.receive(.arrived(a), at: at(0))
        _ = dispatcher.receive(.opened(execution()), at: at(0))
        _ = dispatcher.receive(.reported(id, a, report(1, .running(pid: 3))), at: at(1))
        let wish = StopWish(graceMilliseconds: 100, user: "ana")
        let stop = Dispatcher.Effect.stop(id, [a], wish)
        #expect(dispatcher.receive(.stopWished(id, runs: [0], wish), at: at(2)) == [stop])
        #expect(dispatcher.receive(.tick, at: at(3)).contains(stop))
        _ = dispatcher.receive(.departed(a, sinceMilliseconds: 77), at: at(4))
        #expect(dispatcher.awaySince[a] == 77)
        #expect(dispatcher.receive(.tick, at: at(100)).contains(stop) == false)
        #expect(dispatcher.receive(.arrived(a), at: at(101)).contains(stop))
        _ = dispatcher.receive(.reported(id, a, report(2, .running(pid: 3))), at: at(101.5))
        #expect(dispatcher.receive(.tick, at: at(103)).contains(stop))
        _ = dispatcher.receive(.reported(id, a, report(3, .stopped)), at: at(104))
        #expect(dispatcher.receive(.tick, at: at(200)).contains(stop) == false)
    }

    @Test mutating func `after a restart what was owed is owed again`() {
        var old = execution()
        old.runs[0].wasSent = true
        old.runs[1].sequence = 4
        old.runs[1].state = .running(pid: 9)
        old.runs[1].stop = StopWish(graceMilliseconds: 5, user: "ana")
        #expect(dispatcher.receive(.opened(old), at: at(0)).isEmpty)
        #expect(dispatcher.receive(.arrived(a), at: at(1)).contains(.deliver(id, [a])))
        let stop = Dispatcher.Effect.stop(id, [b], StopWish(graceMilliseconds: 5, user: "ana"))
        #expect(dispatcher.receive(.arrived(b), at: at(1)).contains(stop))
    }

    @Test mutating func `present nodes are told the time every ten seconds`() {
        _ = dispatcher.receive(.arrived(a), at: at(0))
        let told = (1...40).filter { dispatcher.receive(.tick, at: at(Double($0))).contains(.clock([a])) }
        #expect(zip(told, told.dropFirst()).allSatisfy { $1 - $0 == 10 } && told.count == 4)
    }

    @Test mutating func `a report of an execution nobody knows is acknowledged, so that it ends`() {
        let effects = dispatcher.receive(.reported(id, a, report(8, .exited(code: 0))), at: at(0))
        #expect(effects == [.acknowledge(id, a, sequence: 8)])
    }
}

func node(_ name: String) -> NodeName {
    guard let node = NodeName(name) else { fatalError("not a node: \(name)") }
    return node
}

func head(_ id: ExecutionID, _ nodes: [NodeName], _ waitSeconds: Int64 = 600, user: String = "ana") -> ExecutionHead {
    ExecutionHead(
        id: id, submission: ExecutionID(high: 9, low: id.low), user: user, uid: 1000,
        session: [UInt8](repeating: 1, count: 16), kind: "run", command: "true", createdMilliseconds: 5_000_000,
        deadlineMilliseconds: 5_000_000 + waitSeconds * 1000, nodes: nodes, files: [], graceMilliseconds: 60_000,
        log: 0xABCD)
}

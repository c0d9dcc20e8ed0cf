import Messages
import SwiftProtobuf
import Testing

@testable import Worker

/// `#expect` for what a mutating call returns, which the macro does not take.
private func expect<Value: Equatable>(_ found: Value, _ wanted: Value, at place: SourceLocation = #_sourceLocation) {
    #expect(found == wanted, sourceLocation: place)
}

struct WorkerRunTests {
    @Test func `a command without files is started once and ends with its code`() {
        var run = Run(files: 0, hasCommand: true)
        expect(run.receive(.stored), [.report(.delivered), .start])
        expect(run.receive(.stored), [])
        expect(run.receive(.started(pid: 7)), [.report(.running(pid: 7))])
        expect(run.receive(.ended(.exited(code: 3))), [.report(.exited(code: 3))])
        expect(run.receive(.ended(.exited(code: 4))), [])
        #expect(run.state == .exited(code: 3))
    }

    @Test func `files are fetched and placed one after another before the command starts`() {
        var run = Run(files: 2, hasCommand: true)
        expect(run.receive(.stored), [.report(.delivered), .fetch])
        expect(run.receive(.fetched(percent: 40)), [.report(.fetching(percent: 40))])
        expect(run.receive(.fetchedAll), [.place(file: 0)])
        expect(run.receive(.placed), [.place(file: 1)])
        expect(run.receive(.placed), [.report(.placed(last: false)), .start])
    }

    @Test func `files without a command end as placed`() {
        var run = Run(files: 1, hasCommand: false)
        _ = run.receive(.stored)
        _ = run.receive(.fetchedAll)
        expect(run.receive(.placed), [.report(.placed(last: true))])
        #expect(run.isEnded)
    }

    @Test func `a stop before the start prevents it`() {
        var storing = Run(files: 0, hasCommand: true)
        expect(storing.receive(.stop(graceMilliseconds: 5)), [])
        expect(storing.receive(.stored), [.report(.cancelled)])
        var fetching = Run(files: 1, hasCommand: true)
        _ = fetching.receive(.stored)
        expect(fetching.receive(.stop(graceMilliseconds: 5)), [.report(.cancelled)])
        expect(fetching.receive(.fetchedAll), [])
    }

    @Test func `a stop while the command starts is handed on at once, and does not wait for it to run`() {
        var run = Run(files: 0, hasCommand: true)
        _ = run.receive(.stored)
        expect(run.receive(.stop(graceMilliseconds: 5)), [.endPlacing, .stop(graceMilliseconds: 5)])
        expect(run.receive(.started(pid: 9)), [.report(.running(pid: 9))])
        expect(run.receive(.ended(.stopped)), [.report(.stopped)])
        var early = Run(files: 0, hasCommand: true)
        _ = early.receive(.stored)
        _ = early.receive(.stop(graceMilliseconds: 5))
        expect(early.receive(.refused(Failure(.cancelled, "it had not begun"))), [.report(.cancelled)])
    }

    @Test(arguments: [Run.Event.placed, .refused(Failure(.internal, "cut off"))])
    func `a stop while a file is placed is not over before the placer is`(answer: Run.Event) {
        var run = Run(files: 2, hasCommand: true)
        _ = run.receive(.stored)
        _ = run.receive(.fetchedAll)
        expect(run.receive(.stop(graceMilliseconds: 5)), [.endPlacing])
        expect(run.receive(.stop(graceMilliseconds: 5)), [])
        #expect(!run.isEnded)
        expect(run.receive(answer), [.report(.cancelled)])
    }

    @Test func `a stop after the end says the end again`() {
        var run = Run(files: 0, hasCommand: true)
        _ = run.receive(.stored)
        _ = run.receive(.ended(.exited(code: 0)))
        expect(run.receive(.stop(graceMilliseconds: 5)), [.report(.exited(code: 0))])
    }

    @Test func `a run whose intent is on the disk is never started again`() {
        var lost = Run.begun(files: 0)
        expect(lost.receive(.lost).count, 1)
        guard case .interrupted = lost.state else {
            Issue.record("\(lost.state)")
            return
        }
        var living = Run.begun(files: 1)
        expect(living.receive(.stored), [])
        expect(living.receive(.started(pid: 5)), [.report(.running(pid: 5))])
        var ended = Run.ended(.exited(code: 2))
        expect(ended.receive(.started(pid: 5)), [])
        expect(ended.receive(.stop(graceMilliseconds: 1)), [.report(.exited(code: 2))])
    }
}

struct OutflowTests {
    let start = ContinuousClock.now

    @Test func `what went with the machine's power is a gap that the owner is told of`() {
        var flow = Outflow(from: 0, at: start)
        flow.grew(to: 900)
        flow.copied(upTo: 100, at: start)
        #expect(flow.released(asked: 100, held: 0) == 0)
        flow.sent(upTo: 400, at: start)
        flow.lost(from: 400)
        #expect(flow.next == nil && flow.resume(at: start) == nil)
        flow.copied(upTo: 400, at: start)
        #expect(flow.resume(at: start) == 900 && !flow.isAllCopied)
        // What lies before it can still be asked for.
        #expect(flow.released(asked: 100, held: 0) == 0)
        #expect(flow.released(asked: 400, held: 0) == 900)
        #expect(flow.released(asked: 899, held: 0) == 900)
        flow.copied(upTo: 900, at: start)
        #expect(flow.isAllCopied && flow.recheck == nil)
        var whole = Outflow(from: 0, at: start)
        whole.grew(to: 900)
        whole.lost(from: 900)
        #expect(whole.next?.position == 0)
    }

    @Test func `nothing is published beyond the credit`() {
        var flow = Outflow(from: 0, at: start)
        flow.grew(to: 100 << 20)
        let sent = publishAll(&flow, at: start)
        #expect(sent >= Outflow.credit && sent <= Outflow.credit + Outflow.slice)
        flow.copied(upTo: 1 << 20, at: start)
        #expect(flow.next != nil)
    }

    @Test func `what was dropped at the end is published again`() {
        var flow = Outflow(from: 0, at: start)
        flow.grew(to: 10)
        flow.sent(upTo: 10, at: start)
        #expect(flow.next == nil)
        #expect(flow.tick(at: start + .milliseconds(900)) == nil)
        #expect(flow.next == nil)
        #expect(flow.tick(at: start + .seconds(1)) == 10)
        #expect(flow.next?.position == 0)
        flow.sent(upTo: 10, at: start + .seconds(1))
        #expect(flow.recheck == start + .seconds(3))
        flow.copied(upTo: 10, at: start + .seconds(2))
        #expect(flow.recheck == nil && flow.isAllCopied)
    }

    @Test func `no more is under way than the pace allows, and what is taken is no credit`() {
        var flow = Outflow(from: 0, at: start)
        flow.grew(to: 100 << 20)
        while let next = flow.next { flow.sent(upTo: next.position + next.limit, at: start) }
        #expect(flow.published == Outflow.firstWindow && flow.isHeldBack)
        flow.taken(upTo: 100 << 20 | 1, window: 1 << 20, at: start)
        #expect(flow.isHeldBack)
        let half = Outflow.firstWindow / 2
        flow.taken(upTo: half, window: 1 << 20, at: start)
        #expect(flow.next?.position == 2 * half && flow.next?.limit == Outflow.slice && flow.copied == 0)
        // Many print: four slices in the least of windows, and never less than one.
        flow.taken(upTo: 2 * half, window: 0, at: start)
        #expect(flow.next?.limit == 16 << 10)
        flow.sent(upTo: 2 * half + 16 << 10, at: start)
        #expect(flow.isHeldBack)
        // The owner's machine has lost what it had taken: from what is copied on, once more.
        flow.tick(at: start + .seconds(1))
        #expect(flow.next?.position == 0)
    }

    @Test func `an owner whose disk is slow and who takes what comes is not silent`() {
        var flow = Outflow(from: 0, at: start)
        flow.grew(to: 1 << 20)
        for tenth in 0..<30 {
            let now = start + .milliseconds(tenth * 100)
            #expect(flow.tick(at: now) == nil)
            flow.sent(upTo: UInt64(tenth + 1) * 1000, at: now)
            flow.taken(upTo: UInt64(tenth + 1) * 1000, window: 1 << 20, at: now)
        }
        #expect(flow.tick(at: start + .milliseconds(3800)) == nil)
        #expect(flow.tick(at: start + .milliseconds(3900)) == 30_000)
    }

    @Test func `the share counts while something is let go of too, and after a silence it begins small`() {
        var flow = Outflow(from: 0, at: start)
        flow.grew(to: 100 << 20)
        let first = publishAll(&flow, at: start)
        flow.released(upTo: 50 << 20)
        flow.taken(upTo: first, window: 16 << 10, at: start)
        flow.copied(upTo: first, at: start)
        #expect(flow.resume(at: start) == 50 << 20)
        flow.sent(upTo: (50 << 20) + 16 << 10, at: start)
        #expect(flow.isHeldBack)
        var silent = Outflow(from: 0, at: start)
        silent.grew(to: 100 << 20)
        silent.sent(upTo: Outflow.firstWindow, at: start)
        silent.tick(at: start + .seconds(1))
        #expect(silent.next?.position == 0 && silent.next?.limit == 16 << 10)
        silent.sent(upTo: 16 << 10, at: start + .seconds(1))
        #expect(silent.isHeldBack)
    }

    /// Publishes what may be published, taken at once; where that ends.
    private func publishAll(_ flow: inout Outflow, at now: ContinuousClock.Instant) -> UInt64 {
        while let next = flow.next {
            flow.sent(upTo: next.position + next.limit, at: now)
            flow.taken(upTo: next.position + next.limit, window: 1 << 20, at: now)
        }
        return flow.published
    }

    @Test func `what the spool lets go of is no credit, and what is behind it waits for what is under way`() {
        var flow = Outflow(from: 0, at: start)
        flow.grew(to: 300 << 20)
        let first = publishAll(&flow, at: start)
        flow.released(upTo: 100 << 20)
        flow.released(upTo: 120 << 20)
        #expect(flow.next == nil && flow.resume(at: start) == nil && flow.isHeldBack)
        flow.copied(upTo: first - 1, at: start)
        #expect(flow.next == nil && flow.resume(at: start) == nil)
        flow.copied(upTo: first, at: start)
        #expect(flow.resume(at: start) == 120 << 20)
        #expect(flow.resume(at: start) == nil)
        let second = publishAll(&flow, at: start)
        #expect(second >= (120 << 20) + Outflow.credit && second <= (120 << 20) + Outflow.credit + Outflow.slice)
        flow.released(upTo: 200 << 20)
        #expect(flow.next == nil && flow.resume(at: start) == nil)
    }

    @Test func `what was under way when it was let go of is not waited for for ever`() {
        var flow = Outflow(from: 0, at: start)
        flow.grew(to: 300 << 20)
        _ = publishAll(&flow, at: start)
        flow.released(upTo: 100 << 20)
        flow.tick(at: start + .seconds(1))
        // What is on the disk is published again; what is not, is found again.
        #expect(flow.next?.position == 0)
        flow.released(upTo: 100 << 20)
        #expect(flow.resume(at: start + .seconds(1)) == 100 << 20)
        let second = publishAll(&flow, at: start + .seconds(1))
        // The owner has recorded the gap, and then what came behind it.
        flow.copied(upTo: 100 << 20, at: start + .seconds(1))
        #expect(flow.next == nil)
        flow.copied(upTo: second, at: start + .seconds(1))
        #expect(flow.next?.position == second && !flow.isHeldBack)
    }

    @Test func `what is damaged on the disk stands between what is before and what is behind it, however much it is`() {
        var flow = Outflow(from: 0, at: start)
        flow.grew(to: 300 << 20)
        flow.sent(upTo: 1 << 20, at: start)
        // Found where publishing has come to; more than the credit lies in it.
        flow.released(upTo: 100 << 20)
        #expect(flow.next == nil && !flow.isHeldUp)
        // The owner has missed what was under way: it is on the disk, and comes first.
        flow.tick(at: start + .seconds(1))
        #expect(flow.next?.position == 0)
        flow.sent(upTo: 1 << 20, at: start + .seconds(1))
        flow.released(upTo: 100 << 20)
        flow.copied(upTo: 1 << 20, at: start + .seconds(2))
        #expect(flow.isHeldUp && flow.resume(at: start + .seconds(2)) == 100 << 20)
        #expect(flow.next?.position == 100 << 20)
    }

    @Test func `what was let go of within what is published needs nothing`() {
        var flow = Outflow(from: 0, at: start)
        flow.grew(to: 1 << 20)
        let sent = publishAll(&flow, at: start)
        flow.released(upTo: sent)
        #expect(flow.resume(at: start) == nil && !flow.isAllCopied)
        flow.copied(upTo: sent, at: start)
        #expect(flow.isAllCopied && flow.recheck == nil)
    }

    @Test func `a position beyond the spool is not believed`() {
        var flow = Outflow(from: 0, at: start)
        flow.grew(to: 10)
        flow.copied(upTo: 11, at: start)
        #expect(flow.copied == 0)
    }
}

struct OutboxTests {
    let start = ContinuousClock.now
    let execution = ExecutionID(high: 1, low: 2)
    let owner = Principal(.gateway, "g1")

    private func report(_ sequence: UInt64, last: Bool = true) -> WireReport {
        .with {
            $0.sequence = sequence
            $0.terminal = last
        }
    }

    @Test func `a report is said again until it is acknowledged`() {
        var outbox = Outbox()
        outbox.put(report(1), of: execution, to: owner, at: start)
        expect(outbox.due(at: start).count, 1)
        expect(outbox.due(at: start).count, 0)
        expect(outbox.due(at: start + .seconds(1)).count, 1)
        expect(outbox.due(at: start + .seconds(2)).count, 0)
        expect(outbox.acknowledged(1, of: execution), true)
        expect(outbox.due(at: start + .seconds(60)).count, 0)
    }

    @Test func `states that follow at once are one report, and none waits longer than the first`() {
        var outbox = Outbox()
        outbox.put(report(1, last: false), of: execution, to: owner, at: start)
        outbox.put(report(2, last: false), of: execution, to: owner, at: start + .milliseconds(10))
        expect(outbox.due(at: start + .milliseconds(14)).count, 0)
        expect(outbox.due(at: start + .milliseconds(15)).map(\.report.sequence), [2])
        outbox.put(report(3), of: execution, to: owner, at: start + .milliseconds(16))
        expect(outbox.due(at: start + .milliseconds(16)).map(\.report.sequence), [3])
    }

    @Test func `an acknowledgement of an older report settles nothing`() {
        var outbox = Outbox()
        outbox.put(report(1), of: execution, to: owner, at: start)
        outbox.put(report(2), of: execution, to: owner, at: start)
        expect(outbox.acknowledged(1, of: execution), false)
        #expect(outbox.isOwed(execution))
    }
}

struct OwnerClocksTests {
    private let start = ContinuousClock.now
    private let first = Principal(.gateway, "g1")
    private let second = Principal(.gateway, "g2")

    /// What a gateway says, shown as `sender`'s.
    private func hear(
        _ milliseconds: Int64, of gateway: Principal, shownAs sender: Principal? = nil,
        at now: ContinuousClock.Instant, in clocks: inout OwnerClocks
    ) -> Bool {
        let said = WireClock.with {
            $0.milliseconds = milliseconds
            $0.gateway = gateway.description
        }
        return clocks.heard(said, from: sender ?? gateway, at: now)
    }

    @Test func `time goes forward only`() {
        var clocks = OwnerClocks()
        #expect(clocks.estimate(of: first, at: start) == nil)
        _ = hear(1000, of: first, at: start, in: &clocks)
        #expect(clocks.estimate(of: first, at: start + .milliseconds(500)) == 1500)
        _ = hear(1200, of: first, at: start + .milliseconds(500), in: &clocks)
        #expect(clocks.estimate(of: first, at: start + .milliseconds(500)) == 1500)
        _ = hear(9000, of: first, at: start + .milliseconds(500), in: &clocks)
        #expect(clocks.estimate(of: first, at: start + .seconds(1)) == 9500)
    }

    @Test func `a gateway's clock says nothing of another's`() {
        var clocks = OwnerClocks()
        _ = hear(1_000_000, of: first, at: start, in: &clocks)
        #expect(clocks.estimate(of: second, at: start) == nil)
        _ = hear(1000, of: second, at: start, in: &clocks)
        #expect(clocks.estimate(of: first, at: start + .seconds(1)) == 1_001_000)
        #expect(clocks.estimate(of: second, at: start + .seconds(1)) == 2000)
        #expect(clocks.latest(at: start + .seconds(1)) == 2000)
        _ = hear(1_010_000, of: first, at: start + .seconds(10), in: &clocks)
        #expect(clocks.latest(at: start + .seconds(10)) == 1_010_000)
    }

    @Test func `what one gateway has said is no word of another that it is shown as`() {
        var clocks = OwnerClocks()
        expect(hear(1000, of: first, at: start, in: &clocks), true)
        expect(hear(9_000_000, of: second, shownAs: first, at: start, in: &clocks), false)
        expect(hear(1000, of: first, shownAs: second, at: start, in: &clocks), false)
        // Of a gateway that does not say who it is nothing is taken.
        expect(clocks.heard(WireClock.with { $0.milliseconds = 9_000_000 }, from: first, at: start), false)
        #expect(clocks.estimate(of: first, at: start) == 1000)
        #expect(clocks.estimate(of: second, at: start) == nil)
    }

    @Test func `no more gateways are known than there may be, and none makes room for another`() {
        var clocks = OwnerClocks()
        expect(hear(1_000_000, of: first, at: start, in: &clocks), true)
        for number in 1..<OwnerClocks.most {
            expect(hear(1000, of: Principal(.gateway, "h\(number)"), at: start, in: &clocks), true)
        }
        expect(hear(1000, of: second, at: start, in: &clocks), false)
        #expect(clocks.estimate(of: second, at: start) == nil)
        // So an old message sets no clock back.
        _ = hear(1000, of: first, at: start, in: &clocks)
        #expect(clocks.estimate(of: first, at: start) == 1_000_000)
    }
}

struct PolicyTests {
    let node = NodeName("n1")!
    let ana = Account(name: "ana", uid: 1001, gid: 1001, groups: [1001], home: "/home/ana", shell: "/bin/sh")

    @Test func `an account is judged by what the node knows of it`() {
        let policy = Policy()
        #expect(policy.refusal(of: ana, user: "ana", uid: 1001, node: node) == nil)
        #expect(policy.refusal(of: nil, user: "ana", uid: 1001, node: node)?.code == .noSuchUser)
        #expect(policy.refusal(of: ana, user: "ana", uid: 1002, node: node)?.code == .uidDiffers)
        var system = ana
        system.uid = 33
        #expect(policy.refusal(of: system, user: "ana", uid: 33, node: node)?.code == .notPermitted)
        var shut = ana
        shut.shell = "/usr/sbin/nologin"
        #expect(policy.refusal(of: shut, user: "ana", uid: 1001, node: node)?.code == .accountLocked)
    }

    @Test func `an allowed uid passes below the minimum, and -1 never does`() {
        #expect(Policy(allowedUIDs: [0]).mayRun(uid: 0))
        #expect(!Policy().mayRun(uid: 0))
        #expect(!Policy().mayRun(uid: .max))
    }
}

struct InterestTests {
    @Test func `a topic is published where a prefix of it is wanted, as long as it is`() {
        var interest = Interest()
        let topic = Array("output/ana/X/n1/".utf8)
        #expect(interest.brokers(for: topic).isEmpty)
        interest.change(Array("output/".utf8), at: 1, isWanted: true)
        interest.change(Array("output/bob/".utf8), at: 0, isWanted: true)
        #expect(interest.brokers(for: topic) == [1])
        interest.change(Array("output/ana/".utf8), at: 0, isWanted: true)
        #expect(interest.brokers(for: topic) == [0, 1])
        interest.change(Array("output/".utf8), at: 1, isWanted: false)
        for prefix in ["output/ana/", "output/bob/"] { interest.change(Array(prefix.utf8), at: 0, isWanted: false) }
        #expect(interest.brokers(for: topic).isEmpty)
    }
}

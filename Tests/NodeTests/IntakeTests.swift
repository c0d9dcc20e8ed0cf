import Messages
import Testing

@testable import Worker

/// What an order or a stop is to a node.
struct IntakeTests {
    private let id = ExecutionID(high: 1, low: 1)
    private let hash: [UInt8] = [1, 2, 3]

    @Test func `an id is new once: again it is known, with another order a conflict, also when it is over`() {
        var intake = Intake()
        #expect(intake.order(id, hash: hash) == .accept)
        #expect(intake.order(id, hash: hash) == .repeatState)
        #expect(intake.order(id, hash: [9]) == .conflict)
        #expect(intake.isLive(id))
        intake.settled(id)
        #expect(!intake.isLive(id))
        #expect(intake.order(id, hash: hash) == .repeatLast)
        #expect(intake.order(id, hash: [9]) == .conflict)
    }

    @Test func `what could not be written is new again`() {
        var intake = Intake()
        #expect(intake.order(id, hash: hash) == .accept)
        intake.notKept(id)
        #expect(intake.order(id, hash: hash) == .accept)
        intake.settled(id)
        intake.notKept(id)
        #expect(intake.order(id, hash: hash) == .repeatLast)
    }

    @Test func `a stop ends what lives, cancels what has not come, and is answered where all is over`() {
        var intake = Intake()
        #expect(intake.stop(id) == .cancel)
        #expect(intake.stop(id) == .repeatLast)
        // Whatever the order is, it starts nothing.
        #expect(intake.order(id, hash: hash) == .repeatLast)
        intake.notKept(id)
        #expect(intake.order(id, hash: hash) == .accept)
        #expect(intake.stop(id) == .stop)
        intake.settled(id)
        #expect(intake.stop(id) == .repeatLast)
    }

    @Test(arguments: [
        (true, true, nil, Intake.Course.over), (false, true, RunState.exited(code: 3), .ended(.exited(code: 3))),
        (false, true, nil, .begun), (false, false, nil, .fresh), (false, false, .delivered, .fresh),
    ])
    func `a run that is found on the disk goes on where it was`(
        _ isSettled: Bool, _ isBegun: Bool, _ last: RunState?, _ course: Intake.Course
    ) {
        var intake = Intake()
        #expect(intake.takeUp(id, hash: hash, isSettled: isSettled, isBegun: isBegun, last: last) == course)
        #expect(intake.order(id, hash: hash) == (course == .over ? .repeatLast : .repeatState))
    }

    @Test func `an order that was cancelled before it came stays so over a start of the worker`() {
        var intake = Intake()
        #expect(intake.takeUp(id, hash: [], isSettled: true, isBegun: false, last: .cancelled) == .over)
        #expect(intake.order(id, hash: hash) == .repeatLast)
    }
}

/// What may be said of a run, and when.
struct LastWordTests {
    private func report(_ sequence: UInt64, _ state: RunState) -> WireReport {
        var report = WireReport()
        state.fill(&report)
        report.sequence = sequence
        return report
    }

    @Test func `a last state is said once it is on the disk, and then nothing else`() {
        var word = LastWord()
        let running = report(1, .running(pid: 5))
        let last = report(2, .cancelled)
        #expect(word.changed(running, isOnDisk: false) == [.say(running)])
        #expect(word.changed(last, isOnDisk: false) == [.keep(last)])
        #expect(word.again() == [])
        #expect(word.kept() == [.say(last)])
        #expect(word.changed(report(3, .exited(code: 0)), isOnDisk: true) == [.say(last)])
        #expect(word.again() == [.say(last)])
    }

    @Test func `what the exit record says needs no other writing`() {
        var word = LastWord()
        let last = report(2, .exited(code: 1))
        #expect(word.changed(last, isOnDisk: true) == [.say(last)])
        word.acknowledged()
        #expect(word.isAcknowledged)
    }

    @Test func `an acknowledgement that comes while the last state is being written is of a state before it`() {
        var word = LastWord()
        _ = word.changed(report(1, .running(pid: 5)), isOnDisk: false)
        _ = word.changed(report(2, .cancelled), isOnDisk: false)
        word.acknowledged()
        #expect(!word.isAcknowledged)
        _ = word.kept()
        word.acknowledged()
        #expect(word.isAcknowledged)
    }
}

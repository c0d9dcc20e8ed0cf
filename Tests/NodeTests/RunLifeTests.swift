import Testing

@testable import Supervisor

struct RunLifeTests {
    private func life(wall: UInt64 = 0, leaves: Bool = false) -> RunLife {
        var limits = Plan.Limits()
        limits.wallClockMilliseconds = wall
        limits.graceMilliseconds = 100
        return RunLife(limits: limits, leaves: leaves, at: at(0))
    }

    private func at(_ milliseconds: UInt64) -> Moment { Moment(nanoseconds: milliseconds * 1_000_000) }

    private func over(_ ending: ExitRecord.Ending, leftOver: Int = 0, remaining: Int = 0) -> [RunLife.Effect] {
        [.finish(RunLife.Result(ending: ending, leftOver: leftOver, remaining: remaining))]
    }

    @Test func `a plain end asks once what is left`() {
        var life = life()
        #expect(life.wake == nil)
        #expect(life.receive(.outputEnded, at: at(1)) == [])
        #expect(life.receive(.commandEnded(.exited(code: 3)), at: at(2)) == [.count])
        #expect(life.receive(.counted(0), at: at(2)) == over(.exited(code: 3)))
        #expect(life.receive(.tick, at: at(99_999)) == [])
    }

    @Test func `open pipes are waited for, longer while the spool is full`() {
        var life = life()
        #expect(life.receive(.commandEnded(.exited(code: 0)), at: at(0)) == [])
        #expect(life.receive(.tick, at: at(4_999)) == [])
        #expect(life.receive(.outputWaits, at: at(4_999)) == [])
        #expect(life.receive(.tick, at: at(9_998)) == [])
        #expect(life.receive(.tick, at: at(9_999)) == [.count])
        #expect(life.receive(.counted(2), at: at(9_999)) == [.terminate])
        #expect(life.receive(.tick, at: at(10_030)) == [.count])
        #expect(life.receive(.counted(2), at: at(10_030)) == [])
        #expect(life.receive(.tick, at: at(11_999)) == [.kill, .count])
        #expect(life.receive(.counted(0), at: at(12_000)) == [])
        #expect(life.receive(.outputEnded, at: at(12_001)) == over(.exited(code: 0), leftOver: 2))
    }

    @Test func `what is to be left is left at the end of the wait`() {
        var life = life(leaves: true)
        _ = life.receive(.commandEnded(.exited(code: 0)), at: at(0))
        _ = life.receive(.tick, at: at(5_000))
        #expect(life.receive(.counted(4), at: at(5_000)) == over(.exited(code: 0), remaining: 4))
    }

    @Test func `a second stop may only shorten the grace`() {
        var life = life()
        #expect(life.receive(.stopAsked(graceMilliseconds: 1_000), at: at(0)) == [.terminate])
        #expect(life.receive(.stopAsked(graceMilliseconds: 5_000), at: at(1)) == [])
        #expect(life.receive(.stopAsked(graceMilliseconds: 10), at: at(2)) == [])
        #expect(life.receive(.tick, at: at(12)) == [.kill, .count])
    }

    @Test func `the wall clock ends as a stop does, under its own name`() {
        var life = life(wall: 50)
        #expect(life.wake == at(50))
        #expect(life.receive(.tick, at: at(50)) == [.terminate])
        #expect(life.receive(.commandEnded(.exited(code: 0)), at: at(60)) == [.count])
        #expect(life.receive(.counted(0), at: at(60)) == [])
        #expect(life.receive(.outputEnded, at: at(61)) == over(.timedOut))
    }

    @Test func `what no signal ends is given up, and said`() {
        var life = life()
        _ = life.receive(.outputEnded, at: at(0))
        _ = life.receive(.stopAsked(graceMilliseconds: 0), at: at(0))
        #expect(life.receive(.tick, at: at(0)) == [.kill, .count])
        _ = life.receive(.counted(3), at: at(1))
        #expect(life.receive(.tick, at: at(10_001)) == over(.stopped, remaining: 3))
    }

    @Test func `what takes too much is killed without grace, and ends by the name of its limit`() {
        for why in [ExitRecord.Ending.outOfMemory, .tooManyProcesses] {
            var life = life()
            _ = life.receive(.outputEnded, at: at(0))
            #expect(life.receive(.exceeded(why), at: at(1)) == [.kill, .count])
            #expect(life.receive(.exceeded(.tooManyProcesses), at: at(2)) == [])
            #expect(life.receive(.commandEnded(.signalled(signal: 9)), at: at(3)) == [.count])
            #expect(life.receive(.counted(0), at: at(3)) == over(why))
        }
    }

    @Test func `what is being stopped, or has ended, keeps its name when it takes too much`() {
        var stopping = life()
        _ = stopping.receive(.outputEnded, at: at(0))
        _ = stopping.receive(.stopAsked(graceMilliseconds: 1000), at: at(0))
        #expect(stopping.receive(.exceeded(.outOfMemory), at: at(1)) == [.kill, .count])
        _ = stopping.receive(.commandEnded(.signalled(signal: 9)), at: at(2))
        #expect(stopping.receive(.counted(0), at: at(2)) == over(.stopped))
        var ended = life()
        _ = ended.receive(.commandEnded(.exited(code: 4)), at: at(0))
        #expect(ended.receive(.exceeded(.outOfMemory), at: at(1)) == [.kill, .count])
        _ = ended.receive(.outputEnded, at: at(2))
        #expect(ended.receive(.counted(0), at: at(2)) == over(.exited(code: 4)))
    }

    @Test func `a stop after the command's end leaves its exit code`() {
        var life = life()
        _ = life.receive(.commandEnded(.exited(code: 9)), at: at(0))
        #expect(life.receive(.stopAsked(graceMilliseconds: 10), at: at(1)) == [.terminate])
        _ = life.receive(.outputEnded, at: at(2))
        #expect(life.receive(.counted(0), at: at(3)) == over(.exited(code: 9)))
    }
}

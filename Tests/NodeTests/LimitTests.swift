import Foundation
import Glibc
import Messages
import Spool
import Testing

@testable import Supervisor
@testable import Worker

/// Limits of memory and processes end in a state that names them, by cgroup or by measuring.
@Suite(.serialized, .enabled(if: TestAccount.isPossible)) struct LimitTests {
    /// Programs that take more than 128 MiB of memory, each in its own way.
    static let hungry = [
        "x = b'x' * (1 << 30); time.sleep(60)",
        """
        keep = []
        for _ in range(200):
            keep.append(b'x' * (10 << 20)); time.sleep(0.01)
        """,
        """
        for _ in range(6):
            if os.fork() == 0:
                x = b'x' * (40 << 20); time.sleep(60); os._exit(0)
        time.sleep(60)
        """,
        """
        import mmap
        m = mmap.mmap(-1, 1 << 30); m.write(b'x' * (512 << 20)); time.sleep(60)
        """,
    ]

    private func python(_ body: String) -> [String] {
        ["python3", "-c", "import os, resource, threading, time\n" + body]
    }

    @Test(arguments: hungry, Following.here)
    func `a run that takes more memory than its limit ends out of memory`(body: String, following: Following) throws {
        let one = try AccountRun(python(body), following)
        defer { one.tidy() }
        one.run.plan.limits.memoryBytes = 128 << 20
        try one.run.start()
        let exit = try one.run.end(within: 30)
        #expect(exit.ending == .outOfMemory)
        #expect(exit.remaining == 0)
        #expect(one.processes.isEmpty)
    }

    @Test(arguments: Following.here)
    func `a fork bomb is ended at the limit of processes`(following: Following) throws {
        // Bounded by itself, should the limit not hold.
        let one = try AccountRun(
            python(
                """
                resource.setrlimit(resource.RLIMIT_NPROC, (400, 400))
                end = time.monotonic() + 20
                while time.monotonic() < end:
                    try: os.fork()
                    except OSError: time.sleep(0.01)
                """), following)
        defer { one.tidy() }
        one.run.plan.limits.processes = 40
        try one.run.start()
        let exit = try one.run.end(within: 30)
        #expect(exit.ending == .tooManyProcesses)
        #expect(exit.remaining == 0)
        #expect(one.processes.isEmpty)
    }

    @Test(arguments: Following.here)
    func `threads count as processes do`(following: Following) throws {
        let one = try AccountRun(
            python("[threading.Thread(target=time.sleep, args=(60,)).start() for _ in range(30)]"), following)
        defer { one.tidy() }
        one.run.plan.limits.processes = 20
        try one.run.start()
        #expect(try one.run.end(within: 30).ending == .tooManyProcesses)
    }

    @Test(arguments: Following.here)
    func `a run within its limits goes its way`(following: Following) throws {
        let one = try AccountRun(
            python("x = b'x' * (40 << 20); os.fork() or os._exit(0); os.wait(); time.sleep(0.5); os._exit(3)"),
            following)
        defer { one.tidy() }
        (one.run.plan.limits.memoryBytes, one.run.plan.limits.processes) = (256 << 20, 10)
        try one.run.start()
        #expect(try one.run.end(within: 30).ending == .exited(code: 3))
    }

    @Test func `without a cgroup each process has an edge by rlimit, above the limit`() throws {
        let one = try AccountRun(["bash", "-c", "ulimit -d; ulimit -u"], .descent)
        (one.run.plan.limits.memoryBytes, one.run.plan.limits.processes) = (1 << 30, 100)
        #expect(try one.run.runToEnd().ending == .exited(code: 0))
        let lines = try one.run.text().split(separator: "\n").compactMap { Int($0) }
        #expect(lines.first == (17 << 30) >> 10)
        // An account with no other processes.
        #expect(lines.last.map { (4196...4204).contains($0) } == true)
    }
}

struct LimitWatchTests {
    private func at(_ milliseconds: UInt64) -> Moment { Moment(nanoseconds: milliseconds * 1_000_000) }

    private func limits(memory: UInt64 = 0, processes: UInt32 = 0) -> Plan.Limits {
        var limits = Plan.Limits()
        (limits.memoryBytes, limits.processes) = (memory, processes)
        return limits
    }

    private func usage(memory: UInt64 = 0, tasks: Int = 1) -> RunUsage {
        var usage = RunUsage()
        usage.add(tasks: tasks, ownBytes: memory)
        return usage
    }

    @Test func `what the kernel keeps alone is not watched, a refused fork is`() throws {
        #expect(LimitWatch(limits(), kept: .init(), at: at(0)) == nil)
        #expect(LimitWatch(limits(memory: 1 << 30), kept: .init(memory: true), at: at(0)) == nil)
        var watch = try #require(LimitWatch(limits(processes: 5), kept: .init(processes: true), at: at(0)))
        var refused = usage(tasks: 5)
        #expect(watch.judge(refused, begun: at(0), at: at(0)) == nil)
        refused.wasRefusedForks = true
        #expect(watch.judge(refused, begun: at(0), at: at(0)) == .tooManyProcesses)
    }

    @Test func `a limit is what may be taken; one more is too much`() throws {
        var watch = try #require(LimitWatch(limits(memory: 1000, processes: 5), kept: .init(), at: at(0)))
        #expect(watch.judge(usage(memory: 1000, tasks: 5), begun: at(0), at: at(0)) == nil)
        #expect(watch.judge(usage(memory: 1001), begun: at(0), at: at(0)) == .outOfMemory)
        #expect(watch.judge(usage(tasks: 6), begun: at(0), at: at(0)) == .tooManyProcesses)
    }

    @Test func `it looks the sooner the less is left, and never takes more than a tenth of the time`() throws {
        var watch = try #require(LimitWatch(limits(memory: 4 << 30), kept: .init(), at: at(0)))
        _ = watch.judge(usage(), begun: at(0), at: at(0))
        #expect(watch.due == at(250))
        _ = watch.judge(usage(memory: 4 << 30 - 200 << 20), begun: at(0), at: at(0))
        #expect(watch.due == at(50))
        _ = watch.judge(usage(memory: 4 << 30), begun: at(0), at: at(0))
        #expect(watch.due == at(10))
        _ = watch.judge(usage(), begun: at(0), at: at(40))
        #expect(watch.due == at(440))
    }

    @Test func `shared memory counts once, own memory in each process`() {
        var usage = RunUsage()
        usage.add(tasks: 1, ownBytes: 10, sharedBytes: 100)
        usage.add(tasks: 3, ownBytes: 20, sharedBytes: 100)
        #expect(usage.memoryBytes == 130 && usage.tasks == 4)
    }

    @Test func `edges are only where no cgroup keeps the limit, and leave the user's other processes room`() {
        let both = LimitEdges(limits(memory: 1 << 30, processes: 10), kept: .init()) { 7 }
        #expect(both.dataBytes == 17 << 30 && both.userTasks == 4113)
        let none = LimitEdges(limits(memory: 1 << 30, processes: 10), kept: .init(memory: true, processes: true)) { 7 }
        #expect(none.dataBytes == nil && none.userTasks == nil)
        #expect(LimitEdges(limits(memory: .max), kept: .init()) { 0 }.dataBytes == .max)
    }
}

struct LimitNoteTests {
    private let node = NodeName("web1")

    @Test func `the operator's word is a ceiling, for runs without limits too`() {
        let most = RunLimits(memoryBytes: 100, processes: 0)
        #expect(most.applied(to: RunLimits()) == RunLimits(memoryBytes: 100))
        #expect(most.applied(to: RunLimits(memoryBytes: 50, processes: 9)) == RunLimits(memoryBytes: 50, processes: 9))
        #expect(most.applied(to: RunLimits(memoryBytes: 500)) == RunLimits(memoryBytes: 100))
    }

    @Test func `it is said how limits are kept and which one was met`() throws {
        let limits = RunLimits(memoryBytes: 512 << 20, processes: 100)
        let node = try #require(node)
        let kept = LimitNote(node: node, limits: limits, kept: .init(hasCgroups: true, memory: true, processes: true))
        #expect(kept.failure(.exited(code: 1)) == nil)
        #expect(kept.failure(.outOfMemory)?.sentence == "it took more than its limit of memory, 512 MiB")
        let measured = LimitNote(node: node, limits: limits, kept: .init(hasCgroups: true))
        #expect(
            measured.failure(.tooManyProcesses)?.sentence
                == "it had more than its limit of 100 processes and threads. limits kept by rlimit and by measuring on web1: its cgroups have no memory and no pids controller"
        )
        let bare = LimitNote(node: node, limits: RunLimits(memoryBytes: 1 << 30), kept: .init())
        #expect(bare.failure(nil)?.code == .limits)
        #expect(bare.failure(nil)?.sentence.hasSuffix("it has no cgroups of version 2 to use") == true)
        #expect(LimitNote(node: node, limits: RunLimits(), kept: .init()).failure(nil) == nil)
    }
}

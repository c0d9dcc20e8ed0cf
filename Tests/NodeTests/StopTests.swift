import Foundation
import Glibc
import Spool
import Testing

@testable import Supervisor

/// How the processes of a run are known.
enum Following: CaseIterable {
    case cgroup, descent

    /// Where this machine has a cgroup of version 2 that can be written.
    static let top = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].first { access($0 + "/cgroup.procs", W_OK) == 0 }

    /// Those that this machine has.
    static var here: [Following] { top == nil ? [.descent] : allCases }
}

/// A run of a real account, which has no other processes.
struct AccountRun {
    let account: TestAccount
    let run: TestRun
    private let above: String

    init(_ arguments: [String], _ following: Following) throws {
        account = try TestAccount()
        run = try TestRun(arguments)
        run.plan.account = Plan.Account(user: account.name, uid: account.uid, gid: account.gid, groups: account.groups)
        run.plan.folder = account.home
        above = "\(Following.top ?? "")/estiba-test-\(account.name)"
        if following == .cgroup { run.plan.cgroup = above + "/run" }
    }

    /// What a failed test left must not go on forking: kill(2) with -1 as the account reaches all of it at once.
    func tidy() {
        if !processes.isEmpty {
            let arguments = ["setpriv", "--reuid", "\(account.uid)", "--clear-groups", "kill", "-9", "-1"]
            let all = try? Process.run(URL(fileURLWithPath: "/usr/bin/env"), arguments: arguments)
            all?.waitUntilExit()
        }
        rmdir(above + "/run")
        rmdir(above)
    }

    /// Every process whose real user is the account, dead ones left out, as `/proc` has them.
    var processes: [Int32] {
        ProcFile.processes().filter {
            ProcFile.status(of: $0, ["Uid"])["Uid"] == UInt64(account.uid) && lives($0)
        }
    }

    /// Starts it, and waits until it has said so.
    func startAndWait(for word: String = "up") throws -> SupervisorConnection {
        try run.start()
        let connection = try run.connect()
        try eventually { try run.text().contains(word) }
        return connection
    }
}

/// A way to get away from being stopped. Each prints `up` when it is ready.
struct Escape: CustomTestStringConvertible {
    let testDescription: String
    let arguments: [String]
    var least = 1

    static let all = [
        Escape(
            "a double fork with its own session and no descriptors",
            python: """
                if os.fork() == 0:
                    os.setsid()
                    if os.fork() == 0:
                        [signal.signal(s, signal.SIG_IGN) for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
                        os.closerange(0, 100)
                        while True: time.sleep(1)
                    os._exit(0)
                os.wait(); say(); time.sleep(1000)
                """, least: 2),
        Escape(
            "SIGTERM ignored, in children too",
            shell: "trap '' TERM; sh -c 'while :; do sleep 1; done' & echo up; while :; do sleep 1; done"),
        Escape(
            "stopped processes",
            shell: "sh -c 'trap \"\" TERM; kill -STOP $$; sleep 1000' & sleep 0.2; echo up; kill -STOP $$"),
        Escape(
            "pipes held open by a grandchild",
            shell: "(setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &) ; echo up; exec sleep 1000"),
        Escape(
            "an empty environment and another name",
            shell:
                "setsid env -i bash -c 'trap \"\" TERM; exec -a kworker/0:1 sleep 1000' >/dev/null 2>&1 </dev/null & sleep 0.2; echo up; sleep 1000",
            least: 2),
        Escape(
            "a fork storm at its limit",
            python: """
                resource.setrlimit(resource.RLIMIT_NPROC, (80, 80)); signal.signal(signal.SIGTERM, signal.SIG_IGN)
                end = time.monotonic() + 60
                if os.fork() == 0:
                    while time.monotonic() < end:
                        try: os.fork()
                        except OSError: time.sleep(0.001)
                time.sleep(0.5); say(); time.sleep(1000)
                """, least: 20),
        Escape(
            "a chain of processes that each fork and end",
            python: """
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                end = time.monotonic() + 60
                if os.fork() == 0:
                    while time.monotonic() < end:
                        if os.fork(): os._exit(0)
                    os._exit(0)
                say(); time.sleep(1000)
                """),
        Escape(
            "a chain that changes its session each time",
            python: """
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                end = time.monotonic() + 60
                if os.fork() == 0:
                    while time.monotonic() < end:
                        if os.fork(): os._exit(0)
                        os.setsid()
                    os._exit(0)
                say(); time.sleep(1000)
                """),
        Escape(
            "another user's rights by a setuid program", shell: "./as-root 1000 & sleep 0.2; echo up; sleep 1000",
            least: 2),
    ]

    init(_ name: String, shell line: String, least: Int = 1) {
        (testDescription, arguments, self.least) = (name, shell(line), least)
    }

    init(_ name: String, python body: String, least: Int = 1) {
        let head = """
            import os, resource, signal, time
            def say(): os.write(1, b"up\\n")

            """
        (testDescription, arguments, self.least) = (name, ["python3", "-c", head + body], least)
    }
}

/// A stop ends every process of the run within grace + 2 s and says "0 processes left", with a cgroup and without.
@Suite(.serialized, .enabled(if: TestAccount.isPossible)) struct StopTests {
    @Test(arguments: Escape.all, Following.here)
    func `a stop ends every process within the grace and two seconds`(escape: Escape, following: Following) throws {
        // The deadline is missed where the machine has no processor to give: then once more, and every time without a survivor.
        var took = Duration.zero
        for _ in 1...3 {
            took = try stop(escape, following)
            if took < .milliseconds(2300) { break }
        }
        #expect(took < .milliseconds(2300))
    }

    /// From the stop to the end.
    private func stop(_ escape: Escape, _ following: Following) throws -> Duration {
        let one = try AccountRun(escape.arguments, following)
        defer { one.tidy() }
        let tool = one.account.home + "/as-root"
        try put(Array(try Data(contentsOf: URL(fileURLWithPath: "/usr/bin/sleep"))), at: tool, mode: 0o4755)
        let connection = try one.startAndWait()
        try eventually { one.processes.count >= escape.least }
        let begun = ContinuousClock.now
        try connection.send(.stop(graceMilliseconds: 300))
        let exit = try one.run.end()
        let took = ContinuousClock.now - begun
        #expect(exit.ending == .stopped)
        #expect(exit.remaining == 0)
        #expect(one.processes.isEmpty)
        return took
    }

    @Test(arguments: Following.here)
    func `a stop without grace kills at once, and a second stop changes nothing`(following: Following) throws {
        let one = try AccountRun(shell("trap '' TERM; echo up; while :; do sleep 1; done"), following)
        defer { one.tidy() }
        let connection = try one.startAndWait()
        let begun = ContinuousClock.now
        try connection.send(.stop(graceMilliseconds: 0))
        try? connection.send(.stop(graceMilliseconds: 60_000))
        #expect(try one.run.end().ending == .stopped)
        #expect(ContinuousClock.now - begun < .seconds(2))
        #expect(one.processes.isEmpty)
    }

    @Test(arguments: Following.here)
    func `a shorter grace counts from the second stop on`(following: Following) throws {
        let one = try AccountRun(shell("trap '' TERM; echo up; while :; do sleep 1; done"), following)
        defer { one.tidy() }
        let connection = try one.startAndWait()
        try connection.send(.stop(graceMilliseconds: 60_000))
        try connection.send(.stop(graceMilliseconds: 100))
        let begun = ContinuousClock.now
        #expect(try one.run.end().remaining == 0)
        #expect(ContinuousClock.now - begun < .milliseconds(2100))
    }

    @Test(.enabled(if: Following.top != nil)) func `a frozen storm in a cgroup ends without cgroup.kill`() throws {
        let storm = try #require(Escape.all.first { $0.testDescription.contains("storm") })
        let one = try AccountRun(storm.arguments, .cgroup)
        defer { one.tidy() }
        _ = try one.startAndWait()
        let cgroup = Cgroup(one.run.plan.cgroup)
        try eventually { cgroup.count() >= storm.least }
        try eventually {
            cgroup.killEach()
            return cgroup.count() == 0
        }
        #expect(one.processes.isEmpty)
        #expect(try one.run.end().ending == .signalled(signal: 9))
    }

    @Test func `what descends is counted to the last, also a chain that is too fast to be seen`() throws {
        let chain = try #require(Escape.all.first { $0.testDescription.contains("changes its session") })
        let one = try AccountRun(chain.arguments, .descent)
        defer { one.tidy() }
        let connection = try one.startAndWait()
        let command = try connection.next { if case .started(let pid) = $0 { pid } else { nil } }
        // Only the chain is left, and never counted as nothing.
        let rest = Descendants(root: one.run.supervisor, except: command)
        for _ in 0..<50 { #expect(rest.count() > 0) }
        try connection.send(.stop(graceMilliseconds: 0))
        #expect(try one.run.end().remaining == 0)
        #expect(one.processes.isEmpty)
    }
}

import Foundation
import Glibc
import Spool
import Supervisor
import Testing

@Suite(.serialized) struct SupervisorTests {
    @Test func `output comes byte for byte, streams apart, without a last newline`() throws {
        let script = """
            import sys
            sys.stdout.buffer.write(bytes(range(256)) * 1000); sys.stderr.buffer.write(b"\\xff\\0err")
            """
        let run = try TestRun(["python3", "-c", script])
        let exit = try run.runToEnd()
        #expect(exit.ending == .exited(code: 0))
        #expect(try run.output() == (0..<256_000).map { UInt8(truncatingIfNeeded: $0) })
        #expect(try run.output(.stderr) == [0xFF, 0, 0x65, 0x72, 0x72])
        #expect(exit.stdoutBytes == 256_000)
        #expect(exit.stderrBytes == 5)
        #expect(exit.remaining == 0)
        #expect(try SpoolReader(run.folder.spool).length() == exit.finalLength)
    }

    @Test func `the last record says how it ended`() throws {
        let run = try TestRun(shell("echo hi; exit 3"))
        let exit = try run.runToEnd()
        let bytes = try SpoolReader(run.folder.spool).read(from: 0)
        let controls = RecordCursor(bytes).filter { $0.stream == .control }.compactMap {
            ControlRecord(flags: $0.header.flags, content: bytes[$0.range])
        }
        #expect(exit.ending == .exited(code: 3))
        #expect(Set(controls.dropLast()) == [.streamEnded(.stdout), .streamEnded(.stderr)])
        #expect(
            controls.last
                == .finished(ControlRecord.Finish(state: 6, value: 3, stdoutBytes: 3, stderrBytes: 0)))
    }

    @Test func `a supervisor that comes after its run was given up begins nothing`() throws {
        let place = try ScratchFolder()
        let late = try TestRun(["touch", place.path + "/ran"])
        #expect(late.folder.closeToSupervisors())
        try late.start()
        var status: Int32 = 0
        #expect(waitpid(late.supervisor, &status, 0) == late.supervisor)
        #expect(status >> 8 == Supervisor.Refusal.begun.rawValue)
        #expect(!FileManager.default.fileExists(atPath: place.path + "/ran"))
        #expect(!FileManager.default.fileExists(atPath: late.folder.exit))
        let soon = try TestRun(["true"])
        _ = try soon.runToEnd()
        #expect(!soon.folder.closeToSupervisors())
    }

    @Test(arguments: [
        ("exit 0", ExitRecord.Ending.exited(code: 0)), ("exit 127", .exited(code: 127)),
        ("exit 126", .exited(code: 126)), ("kill -9 $$", .signalled(signal: 9)),
        ("kill -11 $$", .signalled(signal: 11)),
    ])
    func `the end is told as it was`(line: String, ending: ExitRecord.Ending) throws {
        #expect(try TestRun(shell(line)).runToEnd().ending == ending)
    }

    @Test func `what cannot be started says why`() throws {
        let place = try ScratchFolder()
        try put(Array("x".utf8), at: place.path + "/plain", mode: 0o644)
        try put(Array("echo ran $1\n".utf8), at: place.path + "/noshebang", mode: 0o755)
        try put([0x7F, 0x45, 0, 0, 0, 1], at: place.path + "/junk", mode: 0o755)
        #expect(try TestRun(["no-such-program-here"]).runToEnd().ending == .failed(.notFound))
        #expect(try TestRun(["./nothing"]).runToEnd().ending == .failed(.notFound))
        #expect(try TestRun([place.path + "/plain"]).runToEnd().ending == .failed(.notExecutable))
        #expect(try TestRun([place.path]).runToEnd().ending == .failed(.notExecutable))
        #expect(try TestRun([place.path + "/junk"]).runToEnd().ending == .failed(.notExecutable))
        let text = try TestRun([place.path + "/noshebang", "well"])
        #expect(try text.runToEnd().ending == .exited(code: 0))
        #expect(try text.text() == "ran well\n")
        let away = try TestRun(["true"])
        away.plan.folder = "/no/such/folder"
        #expect(try away.runToEnd().ending == .failed(.noSuchFolder))
    }

    @Test func `the command gets its environment, three descriptors, a session and an end on stdin, and no more`()
        throws
    {
        let script = """
            import os,sys
            print(sorted(k+'='+v for k,v in os.environ.items() if k != 'LC_CTYPE'))
            print(sorted(int(f) for f in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/'+f)))
            print(os.getsid(0)==os.getpid(), repr(sys.stdin.read()), oct(os.umask(0)), os.getcwd())
            try: open('/dev/tty')
            except OSError as e: print(e.errno)
            print(open('/proc/self/status').read().split('SigBlk:')[1].split()[0], open('/proc/self/status').read().split('SigIgn:')[1].split()[0])
            """
        let run = try TestRun(["python3", "-I", "-c", script], environment: ["A=b c", "EMPTY="])
        run.plan.umask = 0o027
        #expect(try run.runToEnd().ending == .exited(code: 0))
        let lines = try run.text().split(separator: "\n")
        let given = run.plan.environment.sorted().map { "'\($0)'" }.joined(separator: ", ")
        #expect(lines[0] == "[\(given)]")
        #expect(lines[1] == "[0, 1, 2]")
        #expect(lines[2] == "True '' 0o27 \(run.plan.folder)")
        #expect(lines[3] == "6")
        #expect(lines[4].hasPrefix("0000000000000000"))
    }

    @Test func `what daemonised itself is stopped at the end, and counted`() throws {
        let run = try TestRun(
            shell("setsid sh -c 'setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $! >pid' & wait"))
        let exit = try run.runToEnd()
        #expect(exit.ending == .exited(code: 0))
        #expect(exit.leftOver == 1)
        #expect(exit.remaining == 0)
        let pid = try #require(Int32(try String(contentsOfFile: run.plan.folder + "/pid", encoding: .utf8).dropLast()))
        #expect(!lives(pid))
    }

    @Test func `a stop ends all of it, also what ignores SIGTERM`() throws {
        let run = try TestRun(
            shell(
                "trap '' TERM; (setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &) ; echo up; while :; do sleep 1; done"
            ))
        try run.start()
        let connection = try run.connect()
        try connection.send(.await(position: 0))
        _ = try connection.next { if case .length(let length, _) = $0, length > 0 { length } else { nil } }
        try connection.send(.stop(graceMilliseconds: 300))
        let exit = try connection.next { if case .ended(let record) = $0 { record } else { nil } }
        #expect(exit.ending == .stopped)
        #expect(exit.remaining == 0)
        #expect(try ExitRecord.read(from: run.folder) == exit)
    }

    @Test func `a stop lets the command end by itself first`() throws {
        let run = try TestRun(shell("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"))
        try run.start()
        let connection = try run.connect()
        try connection.send(.await(position: 0))
        _ = try connection.next { if case .length(let length, _) = $0, length > 0 { length } else { nil } }
        try connection.send(.stop(graceMilliseconds: 20_000))
        #expect(try run.end().ending == .stopped)
        #expect(try run.text() == "up\nbye\n")
    }

    @Test func `the wall-clock limit ends it`() throws {
        let run = try TestRun(["sleep", "1000"])
        run.plan.limits.wallClockMilliseconds = 200
        run.plan.limits.graceMilliseconds = 200
        #expect(try run.runToEnd().ending == .timedOut)
    }

    @Test func `pipes held open by a child are read five seconds more`() throws {
        let run = try TestRun(shell("(sleep 0.3; echo late; sleep 1000) & echo early; exit 7"))
        let begin = Date()
        let exit = try run.runToEnd()
        #expect(exit.ending == .exited(code: 7))
        #expect(exit.leftOver == 1)
        #expect(exit.remaining == 0)
        #expect(try run.text() == "early\nlate\n")
        #expect((5..<8).contains(Date().timeIntervalSince(begin)))
    }

    @Test func `what is to be left is left`() throws {
        let run = try TestRun(shell("sleep 1000 >/dev/null 2>&1 & echo $!"))
        run.plan.leaves = true
        let exit = try run.runToEnd()
        #expect(exit.remaining == 1)
        #expect(exit.leftOver == 0)
        let pid = try #require(Int32(try run.text().dropLast()))
        #expect(lives(pid))
        kill(pid, SIGKILL)
    }

    @Test func `a lossless run waits for the copy`() throws {
        let run = try TestRun(["python3", "-c", "import sys; sys.stdout.write('x' * 3_000_000)"])
        run.plan.limits.spoolBytes = 1 << 20
        run.plan.limits.isLossless = true
        try run.start()
        let connection = try run.connect()
        var position: UInt64 = 0
        var exit: ExitRecord?
        try connection.send(.await(position: 0))
        while exit == nil {
            let reply = try connection.next { $0 }
            switch reply {
            case .length(let length, _):
                #expect(length <= position + (1 << 20) + 65_556)
                position = length
                try? connection.send(.copied(position: position))
                try? connection.send(.await(position: position))
            case .ended(let record): exit = record
            case .started, .failed: break
            }
        }
        #expect(exit?.stdoutBytes == 3_000_000)
        #expect(try run.output().count == 3_000_000)
    }

    @Test func `a second supervisor for the same run refuses, and SIGTERM does nothing`() throws {
        let run = try TestRun(["sleep", "1000"])
        try run.start()
        let connection = try run.connect()
        _ = try connection.next { if case .started(let pid) = $0 { pid } else { nil } }
        #expect(run.folder.isAlive)
        let (second, line) = try run.folder.startSupervisor(try program("estiba-supervisor"))
        defer { close(line) }
        var status: Int32 = 0
        waitpid(second, &status, 0)
        #expect(status >> 8 == Supervisor.Refusal.locked.rawValue)
        kill(run.supervisor, SIGTERM)
        kill(run.supervisor, SIGINT)
        try connection.send(.stop(graceMilliseconds: 100))
        #expect(try run.end().ending == .stopped)
        try eventually { !run.folder.isAlive }
    }

    @Test func `a killed supervisor takes its command along, and the rest is found`() throws {
        let run = try TestRun(shell("setsid sleep 1000 & echo $!; sleep 1000"))
        try run.start()
        let connection = try run.connect()
        let pid = try connection.next { if case .started(let pid) = $0 { pid } else { nil } }
        var child: Int32?
        try eventually {
            child = Int32(try run.text().dropLast())
            return child != nil
        }
        kill(run.supervisor, SIGKILL)
        try eventually { !run.folder.isAlive && !lives(pid) }
        #expect(Leftovers.kill(of: run.plan) == 0)
        #expect(!lives(try #require(child)))
        #expect(throws: ExitRecord.Problem.none) { try ExitRecord.read(from: run.folder) }
    }
}

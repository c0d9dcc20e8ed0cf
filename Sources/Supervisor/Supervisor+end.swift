import CLinux
import Glibc
import Spool

/// The command's start as it turned out, its end, and the run's.
extension Supervisor {
    func hearVerdict() {
        guard started == nil, let verdict = command?.verdictNow() else { return }
        started = verdict
        switch verdict {
        case .success(let pid):
            clients.forEach { $0.send(.started(pid: pid)) }
            estiba_forget_start_pages(0)
        case .failure(let failure):
            keeper?.dismiss()
            clients.forEach { $0.send(.failed(failure)) }
        }
    }

    /// The command did not begin, or must not go on.
    func fail(_ failure: StartFailure) {
        started = .failure(failure)
        keeper?.dismiss()
        if command == nil {
            carryOut([.finish(RunLife.Result(ending: .failed(failure), leftOver: 0, remaining: 0))])
        } else {
            carryOut(life.receive(.stopAsked(graceMilliseconds: 0), at: .now))
        }
    }

    /// Children taken in one pass: what forks faster than it can be reaped must not keep a stop from being heard.
    private static let reapedInOnePass = 4096

    /// Takes children that have ended: the command, and orphans of the run, whose parent this is.
    func reap() {
        estiba_child_descriptor_clear(children.descriptor)
        var status: Int32 = 0
        hasMoreToReap = false
        for _ in 0..<Self.reapedInOnePass {
            let child = waitpid(-1, &status, WNOHANG)
            guard child > 0 else { return }
            guard child == command?.pid else { continue }
            hearVerdict()
            carryOut(life.receive(.commandEnded(ending(status)), at: .now))
        }
        hasMoreToReap = true
    }

    private func ending(_ status: Int32) -> ExitRecord.Ending {
        // wait(2): the low seven bits are the signal, the next byte the exit code.
        let signal = status & 0x7F
        guard signal != 0 else { return .exited(code: status >> 8 & 0xFF) }
        if signal == SIGKILL, case .cgroup(let cgroup) = processes, cgroup.ranOutOfMemory() { return .outOfMemory }
        return .signalled(signal: signal)
    }

    func carryOut(_ effects: [RunLife.Effect]) {
        for effect in effects {
            switch effect {
            case .terminate: processes.terminate()
            case .kill: processes.killAll()
            case .count: carryOut(life.receive(.counted(processes.count()), at: .now))
            case .finish(let result): finish(result)
            }
        }
    }

    private func finish(_ result: RunLife.Result) {
        var result = result
        if case .failure(let failure) = started { result.ending = .failed(failure) }
        for pipe in pipes where pipe.isOpen {
            pipe.close()
            owed.append(.streamEnded(pipe.stream))
        }
        owed.append(.finished(result.ending.finish(stdout: bytes(of: .stdout), stderr: bytes(of: .stderr))))
        self.result = result
    }

    private func bytes(of stream: Stream) -> UInt64 {
        pipes.first { $0.stream == stream }?.bytes ?? 0
    }

    func writeExit(_ result: RunLife.Result) throws(SystemError) {
        let record = ExitRecord(
            ending: result.ending, finalLength: spool.length, stdoutBytes: bytes(of: .stdout),
            stderrBytes: bytes(of: .stderr), leftOver: UInt32(clamping: result.leftOver),
            remaining: UInt32(clamping: result.remaining))
        try record.write(to: folder)
        exit = record
    }

    /// How long an empty cgroup is tried to be removed: the kernel lets go of its dead a little later.
    private static let tidyMilliseconds: UInt64 = 1_000

    /// Says the last word and tidies up. The spool stays, for the worker to copy.
    func leave() {
        unlink(folder.socket)
        if let exit { clients.forEach { $0.send(.ended(exit)) } }
        clients = []
        guard case .cgroup(let cgroup) = processes, result?.remaining == 0 else { return }
        let end = Moment.now.after(milliseconds: Self.tidyMilliseconds)
        while Moment.now < end {
            reap()
            do throws(SystemError) { return try cgroup.remove() } catch { if error.errno != EBUSY { return } }
            poll(nil, 0, 2)
        }
    }
}

extension ExitRecord.Ending {
    /// The run's last record, with the numbers of the wire's `State`.
    func finish(stdout: UInt64, stderr: UInt64) -> ControlRecord.Finish {
        let (state, value): (UInt8, Int32) =
            switch self {
            case .exited(let code): (6, code)
            case .signalled(let signal): (7, signal)
            case .timedOut: (8, 0)
            case .outOfMemory: (9, 0)
            case .tooManyProcesses: (7, SIGKILL)
            case .stopped: (10, 0)
            case .failed: (12, 0)
            }
        return ControlRecord.Finish(state: state, value: value, stdoutBytes: stdout, stderrBytes: stderr)
    }
}

import CLinux
import Glibc
import Spool

/// The command of a run, as its supervisor holds it: the process and its pipes.
struct Command: ~Copyable {
    let pid: Int32
    let pipes: [OutputPipe]
    /// At its end once the command has begun; else the reason comes first.
    let verdict: File

    /// Forks; the child becomes the command or says why not.
    init(_ plan: Plan, _ edges: LimitEdges) throws(SystemError) {
        let out = try PipeEnds()
        let err = try PipeEnds()
        let said = try PipeEnds()
        let parent = getpid()
        let pid = try File.check("fork") { estiba_fork() }
        if pid == 0 {
            CommandChild(plan: plan, edges: edges, parent: parent)
                .become(stdout: out.write.descriptor, stderr: err.write.descriptor, verdict: said.write.descriptor)
        }
        self.pid = pid
        pipes = [OutputPipe(.stdout, out.read), OutputPipe(.stderr, err.read)]
        verdict = said.read
    }

    /// What has become of the start: the pid of the running command, or why it could not begin; nil until it is decided.
    func verdictNow() -> Result<Int32, StartFailure>? {
        var bytes = [UInt8](repeating: 0, count: 1024)
        do throws(SystemError) {
            let got = try bytes.withUnsafeMutableBufferPointer { buffer throws(SystemError) in
                try verdict.read(into: UnsafeMutableRawBufferPointer(buffer))
            }
            if got == 0 { return .success(pid) }
            var reader = FieldReader(Array(bytes.prefix(got)))
            return .failure((try? StartFailure(&reader)) ?? .other(step: "start", errno: EPROTO))
        } catch {
            return error.isAgain ? nil : .failure(.other(step: "start", errno: error.errno))
        }
    }
}

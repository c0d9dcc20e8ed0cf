import CLinux
import Spool

/// A pipe, both ends close-on-exec, the reading one non-blocking.
struct PipeEnds: ~Copyable {
    let read: File
    let write: File

    init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        try File.check("pipe") { estiba_pipe(&ends) }
        let read = File(adopting: ends[0])
        let write = File(adopting: ends[1])
        try File.check("fcntl") { estiba_set_nonblocking(read.descriptor) }
        self.read = read
        self.write = write
    }
}

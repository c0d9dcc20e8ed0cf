import Glibc
import Spool

/// Ends what is left of a run whose supervisor died: all of its cgroup, or whatever carries its id in the environment.
enum Leftovers {
    /// Blocks until nothing is left or two seconds have passed; returns how many processes were killed.
    static func kill(cgroup: String, execution: String) -> Int {
        if !cgroup.isEmpty, let file = try? File(cgroup + "/cgroup.kill", O_WRONLY) {
            let count = processes(in: cgroup).count
            try? file.write(Array("1".utf8))
            waitUntil { processes(in: cgroup).isEmpty }
            rmdir(cgroup)
            return count
        }
        let marker = "ESTIBA_EXECUTION=\(execution)"
        var killed = Set<pid_t>()
        waitUntil {
            let found = marked(marker)
            for pid in found { Glibc.kill(pid, SIGKILL) }
            killed.formUnion(found)
            return found.isEmpty
        }
        return killed.count
    }

    private static func processes(in cgroup: String) -> [Substring] {
        guard let file = try? File(cgroup + "/cgroup.procs"), let bytes = try? file.bytes(at: 0, count: 64 << 10) else {
            return []
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }

    private static func marked(_ marker: String) -> [pid_t] {
        let wanted = Array(marker.utf8)
        return ((try? File.names(in: "/proc")) ?? []).compactMap { name in
            guard let pid = pid_t(name), let file = try? File("/proc/\(name)/environ"),
                let bytes = try? file.bytes(at: 0, count: 128 << 10)
            else { return nil }
            return bytes.split(separator: 0).contains { $0.elementsEqual(wanted) } ? pid : nil
        }
    }

    private static func waitUntil(_ condition: () -> Bool) {
        for _ in 0..<200 where !condition() { usleep(10_000) }
    }
}

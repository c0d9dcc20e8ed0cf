import Glibc
import Spool

/// Reads what the kernel says in `/proc` and cgroup files, whose size is not known before.
enum ProcFile {
    /// What proc_pid_stat(5) says first.
    struct Stat: Hashable {
        let process: Int32
        let state: Character
        let parent: Int32
        let group: Int32

        /// Ended, and perhaps not yet reaped.
        var isDead: Bool { state == "Z" || state == "X" }
    }

    static func text(_ path: String) -> String? {
        bytes(path).map { String(decoding: $0, as: UTF8.self) }
    }

    static func bytes(_ path: String) -> [UInt8]? {
        guard let file = try? File(path) else { return nil }
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let got = read(file.descriptor, &buffer, buffer.count)
            if got < 0 { return nil }
            if got == 0 { return all }
            all += buffer.prefix(got)
        }
    }

    static func processes() -> [Int32] {
        ((try? File.names(in: "/proc")) ?? []).compactMap { Int32($0) }
    }

    /// The name between pid and state may hold anything, also `)`.
    static func stat(of process: Int32) -> Stat? {
        guard let text = text("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ", maxSplits: 3)
        guard fields.count > 2, let state = fields[0].first, let parent = Int32(fields[1]), let group = Int32(fields[2])
        else { return nil }
        return Stat(process: process, state: state, parent: parent, group: group)
    }

    /// The children of a process that has one thread, dead ones too; none where the kernel does not tell
    /// (CONFIG_PROC_CHILDREN).
    static func children(of process: Int32) -> [Int32] {
        (text("/proc/\(process)/task/\(process)/children") ?? "").split(separator: " ").compactMap { Int32($0) }
    }

    /// The lines of proc_pid_status(5) by their names, the values' first words only, and only of the names asked for.
    static func status(of process: Int32, _ names: Set<Substring>) -> [Substring: UInt64] {
        var found: [Substring: UInt64] = [:]
        for line in (text("/proc/\(process)/status") ?? "").split(separator: "\n") {
            let parts = line.split(whereSeparator: { $0 == ":" || $0 == "\t" || $0 == " " })
            guard parts.count > 1, names.contains(parts[0]), let value = UInt64(parts[1]) else { continue }
            found[parts[0]] = value
        }
        return found
    }
}

import Glibc
import Spool

/// Reads what the kernel says in `/proc` and cgroup files, whose size is not known before.
enum ProcFile {
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

    /// State letter and parent of a process (proc(5), `stat`); the name before them may hold anything, also `)`.
    static func stat(of process: Int32) -> (state: Character, parent: Int32)? {
        guard let text = text("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 1, let state = fields[0].first, let parent = Int32(fields[1]) else { return nil }
        return (state, parent)
    }
}

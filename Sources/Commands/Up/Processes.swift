import Glibc
import Spool

/// What `/proc` tells of processes. One that ends meanwhile reads as empty.
enum Processes {
    static var all: [Int32] { ((try? File.names(in: "/proc")) ?? []).compactMap { Int32($0) } }

    /// The program's path; one that was replaced meanwhile keeps its name.
    static func program(of pid: Int32) -> String {
        let path = link("/proc/\(pid)/exe")
        return path.hasSuffix(" (deleted)") ? String(path.dropLast(10)) : path
    }

    static func arguments(of pid: Int32) -> [String] {
        text("/proc/\(pid)/cmdline").split(separator: "\0").map(String.init)
    }

    static func name(of pid: Int32) -> String {
        let name = program(of: pid).split(separator: "/").last.map(String.init) ?? ""
        return name.isEmpty ? String(text("/proc/\(pid)/comm").prefix { $0 != "\n" }) : name
    }

    /// Whether it is there and not a zombie.
    static func isAlive(_ pid: Int32) -> Bool {
        guard let fields = statFields(pid) else { return false }
        return fields[0] != "Z" && fields[0] != "X"
    }

    static func holder(ofSocket inode: String) -> Int32? {
        all.first { pid in
            let folder = "/proc/\(pid)/fd"
            return ((try? File.names(in: folder)) ?? []).contains { link("\(folder)/\($0)") == "socket:[\(inode)]" }
        }
    }

    /// Everything below these processes, whatever session or group it made for itself.
    static func descendants(of roots: [Int32]) -> [Int32] {
        var children: [Int32: [Int32]] = [:]
        for pid in all {
            guard let fields = statFields(pid), fields.count > 1, let parent = Int32(fields[1]) else { continue }
            children[parent, default: []].append(pid)
        }
        var found: [Int32] = []
        var next = roots
        while let pid = next.popLast() {
            let below = children[pid] ?? []
            found += below
            next += below
        }
        return found
    }

    static func text(_ path: String) -> String {
        guard let file = try? File(path) else { return "" }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let got = read(file.descriptor, &piece, piece.count)
            guard got > 0 else { break }
            bytes += piece.prefix(got)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// From the state on: state, parent, … (proc(5)); the name before them may hold anything.
    private static func statFields(_ pid: Int32) -> [Substring]? {
        let line = text("/proc/\(pid)/stat")
        guard let end = line.lastIndex(of: ")") else { return nil }
        let fields = line[line.index(after: end)...].split(separator: " ")
        return fields.isEmpty ? nil : fields
    }

    private static func link(_ path: String) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { letters in
                letters.baseAddress.map { readlink(path, $0, letters.count) } ?? 0
            }
        }
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}

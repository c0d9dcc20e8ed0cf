import Glibc
import Spool

/// The cgroup (version 2) under which this worker's runs get theirs, or none where it may not make any.
struct CgroupRoot: Sendable {
    /// Empty where there is none; then runs are followed by descent.
    let path: String

    init(node: String) {
        path = Self.find(node: node) ?? ""
    }

    func folder(of execution: String) -> String { path.isEmpty ? "" : "\(path)/\(execution)" }

    /// The worker's own cgroup is where systemd delegates; elsewhere it is the root of the hierarchy.
    private static func find(node: String) -> String? {
        guard let mount = mountPoint(), let own = ownPath() else { return nil }
        let folder = (own == "/" ? mount : mount + own) + "/estiba-\(node)"
        guard mkdir(folder, 0o755) == 0 || errno == EEXIST, access(folder + "/cgroup.procs", W_OK) == 0 else {
            return nil
        }
        return folder
    }

    private static func mountPoint() -> String? {
        lines("/proc/self/mounts").compactMap { line in
            let fields = line.split(separator: " ")
            return fields.count > 2 && fields[2] == "cgroup2" ? String(fields[1]) : nil
        }.first
    }

    private static func ownPath() -> String? {
        lines("/proc/self/cgroup").compactMap { $0.hasPrefix("0::") ? String($0.dropFirst(3)) : nil }.first
    }

    private static func lines(_ path: String) -> [Substring] {
        guard let file = try? File(path), let bytes = try? file.bytes(at: 0, count: 256 << 10) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }
}

import Glibc
import Spool

/// The cgroup (version 2) under which this worker's runs get theirs, or none where it may not make any.
struct CgroupRoot: Sendable {
    /// What the kernel keeps in a run's cgroup.
    struct Controllers: Equatable, Sendable {
        var hasCgroups = false
        var memory = false
        var processes = false
    }

    /// Empty where there is none; then runs are followed by descent.
    let path: String
    let controllers: Controllers

    init(node: String) {
        self.init(path: Self.find(node: node) ?? "")
    }

    /// Takes a folder that is there and passes on to what is made in it the controllers that it has.
    init(path: String) {
        self.path = path
        guard !path.isEmpty else {
            controllers = Controllers()
            return
        }
        let passed = Self.passOn(at: path)
        controllers = Controllers(
            hasCgroups: true, memory: passed.contains("memory"), processes: passed.contains("pids"))
    }

    func folder(of execution: String) -> String { path.isEmpty ? "" : "\(path)/\(execution)" }

    /// Runs get theirs beside the worker's own where systemd has put that into a group of its own below what it
    /// delegates (`DelegateSubgroup=worker`), for a group with controllers for others holds no process itself; else below
    /// the worker's own. Elsewhere that is the root of the hierarchy.
    private static func find(node: String) -> String? {
        guard let mount = mountPoint(), var own = ownPath() else { return nil }
        if own.hasSuffix(subgroup) { own.removeLast(subgroup.count) }
        let base = own == "/" || own.isEmpty ? mount : mount + own
        let folder = base + "/estiba-\(node)"
        guard mkdir(folder, 0o755) == 0 || errno == EEXIST, access(folder + "/cgroup.procs", W_OK) == 0 else {
            return nil
        }
        passOn(at: base)
        return folder
    }

    private static let subgroup = "/worker"

    /// Lets the groups below have memory and pids, each where it can be; returns all that they have then. Refused where
    /// the group itself holds processes (cgroups(7): no internal processes).
    @discardableResult
    private static func passOn(at path: String) -> [Substring] {
        for controller in ["+memory", "+pids"] {
            guard let file = try? File(path + "/cgroup.subtree_control", O_WRONLY) else { continue }
            try? file.write(Array(controller.utf8))
        }
        return lines(path + "/cgroup.subtree_control").flatMap { $0.split(separator: " ") }
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

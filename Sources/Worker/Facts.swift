import Glibc
import Spool

/// What a node says of its machine, read once at the start and without starting a process.
enum Facts {
    static func read() -> [String: String] {
        var facts: [String: String] = [:]
        var system = utsname()
        if uname(&system) == 0 {
            facts["kernel"] = text(of: &system.release)
            facts["arch"] = text(of: &system.machine)
            facts["hostname"] = text(of: &system.nodename)
        }
        let release = values("/etc/os-release", separator: "=")
        facts["os"] = release["ID"]
        facts["os-version"] = release["VERSION_ID"]
        facts["cores"] = "\(sysconf(Int32(_SC_NPROCESSORS_ONLN)))"
        if let memory = values("/proc/meminfo", separator: ":")["MemTotal"]?.split(separator: " ").first,
            let kibibytes = Int(memory)
        {
            facts["memory-mib"] = "\(kibibytes / 1024)"
        }
        return facts
    }

    private static func values(_ path: String, separator: Character) -> [String: String] {
        guard let file = try? File(path), let bytes = try? file.bytes(at: 0, count: 64 << 10) else { return [:] }
        var values: [String: String] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: separator, maxSplits: 1)
            guard parts.count == 2 else { continue }
            let bare: Substring = parts[1].drop { $0 == " " || $0 == "\"" }
            values[String(parts[0])] = String(bare.prefix { $0 != "\"" })
        }
        return values
    }

    private static func text<Field>(of field: inout Field) -> String {
        withUnsafeBytes(of: &field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

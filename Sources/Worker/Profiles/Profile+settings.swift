import Glibc
import Placer
import Settings
import Supervisor

extension Profile {
    /// What in a profile's file cannot be used; the text names the key.
    struct Unusable: Error, CustomStringConvertible {
        let description: String
    }

    /// What the placer is told must fit a pipe.
    private static let longestLine = 16 << 10

    /// Nil for one that acts as another account and names nobody who may use it: it is there, but off.
    init?(_ name: String, _ settings: Settings) throws {
        self.init(
            name: name, says: try settings.required("says").trimmed, match: settings.strings("match"),
            folder: try settings.required("folder"))
        guard let check = Preparation.Check(settings.string("check") ?? "none") else {
            throw Unusable(description: "check: it is zip, elf or none")
        }
        self.check = check
        contains = settings.strings("contains")
        account = settings.string("as")
        users = Set(settings.strings("users"))
        for group in settings.strings("groups") {
            guard let id = Self.group(group) else { throw Unusable(description: "groups: there is no group \(group)") }
            groups.insert(id)
        }
        before = settings.string("before") ?? ""
        after = settings.string("after") ?? ""
        waitFor = settings.string("waitFor") ?? ""
        if let text = settings.string("within") {
            guard let seconds = Self.seconds(text) else {
                throw Unusable(description: "within: \(text) is no span of time like 60s or 2m")
            }
            withinSeconds = seconds
        }
        if let text = settings.string("port") {
            guard let rule = PortRule(text) else {
                throw Unusable(description: "port: \(text) is neither a number nor like 20000 + uid % 20000")
            }
            port = rule
        }
        isService = try settings.bool("service", default: false)
        try checkTogether()
        if account != nil, users.isEmpty, groups.isEmpty { return nil }
    }

    private func checkTogether() throws {
        for (key, line) in [("before", before), ("after", after)] where line.utf8.count > Self.longestLine {
            throw Unusable(description: "\(key): longer than \(Self.longestLine) bytes")
        }
        if account != nil, !folder.hasPrefix("/") {
            throw Unusable(description: "folder: with another account (as) it is absolute")
        }
        if account == "root" { throw Unusable(description: "as: root's places are not for users' files") }
        if folder.split(separator: "/").contains("..") { throw Unusable(description: "folder: without ..") }
        if waitFor.contains("{port}"), port == nil { throw Unusable(description: "waitFor: {port} needs a port") }
        let sample = ["port": "1", "stem": "s", "file": "f", "context": "/c"]
        if !waitFor.isEmpty, WebAddress(waitFor.replacing(sample)) == nil {
            throw Unusable(description: "waitFor: it begins with http://127.0.0.1:PORT, this node's own address")
        }
    }

    private static func seconds(_ text: String) -> UInt32? {
        let units: [(String, UInt32)] = [("s", 1), ("m", 60)]
        for (unit, factor) in units where text.hasSuffix(unit) {
            return UInt32(text.dropLast()).flatMap { (1...3600).contains($0 * factor) ? $0 * factor : nil }
        }
        return UInt32(text).flatMap { (1...3600).contains($0) ? $0 : nil }
    }

    private static func group(_ name: String) -> UInt32? {
        var entry = group_entry()
        var found: UnsafeMutablePointer<group_entry>?
        var buffer = [CChar](repeating: 0, count: 1 << 20)
        guard getgrnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return entry.gr_gid
    }
}

/// group(5); the function above has its name.
private typealias group_entry = group

extension Preparation.Check {
    fileprivate init?(_ text: String) {
        switch text {
        case "none": self = .none
        case "zip": self = .zip
        case "elf": self = .elf
        default: return nil
        }
    }
}

extension String {
    /// With `{name}` replaced by each value.
    func replacing(_ values: [String: String]) -> String {
        var text = ""
        var rest = self[...]
        while let open = rest.firstIndex(of: "{") {
            let behind = rest[open...].dropFirst()
            guard let close = behind.firstIndex(of: "}"), let value = values[String(behind[..<close])] else {
                text += rest[...open]
                rest = behind
                continue
            }
            text += rest[..<open] + value
            rest = rest[close...].dropFirst()
        }
        return text + rest
    }

    fileprivate var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}

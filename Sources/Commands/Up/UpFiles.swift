import Glibc
import Spool

/// The keys, the registry and the settings of all parts, as `up` writes them into its folder.
struct UpFiles: Sendable {
    let folder: UpFolder
    let nodes: [String]
    let services: UpAccount
    /// First of the broker's five ports.
    let brokerPort: UInt16
    /// `127.0.0.1:7480`
    let address: String
    /// The folder of profiles that came with the programs, if one did.
    let profiles: String?

    /// Writes what is missing of the keys and all of the rest anew.
    func write() throws(CommandError) {
        for name in ["broker", "gateway", "authority"] {
            _ = try KeyFile.existing(folder.key(name))
            try services.own(folder.key(name))
        }
        for node in nodes {
            _ = try KeyFile.existing(folder.key(node))
            // The homes of users lie below: they must be able to pass.
            try Folders.make(folder.node(node), mode: 0o711)
            try Folders.make(folder.node(node) + "/home", mode: 0o755)
        }
        try put(registry(), at: folder.registry)
        try put(broker(), at: folder.settings("broker"))
        try put(gateway(), at: folder.settings("gateway"))
        try put(authenticator, at: folder.settings("authenticator"))
        for node in nodes { try put(worker(node), at: folder.settings(node)) }
        for (name, lines) in Self.pamServices { try put(lines, at: "\(folder.pam)/\(name)") }
    }

    private func registry() throws(CommandError) -> [String] {
        var lines = ["gateway:gateway \(try publicKey("gateway"))"]
        for node in nodes { lines.append("node:\(node) \(try publicKey(node))") }
        return lines
    }

    private func broker() -> [String] {
        yaml([
            ("listen", "127.0.0.1"), ("port", "\(brokerPort)"), ("key", folder.key("broker")),
            ("registry", folder.registry),
        ])
    }

    private func gateway() throws(CommandError) -> [String] {
        yaml([
            ("name", "gateway"), ("key", folder.key("gateway")), ("authority", folder.key("authority")),
            ("registry", folder.registry), ("data", folder.gateway), ("address", address),
            ("authenticator", folder.authenticatorSocket), ("instance", String(try publicKey("authority").prefix(8))),
            ("minimumUID", "1000"), ("codes", folder.codes),
        ]) + ["brokers: [\(quoted(try brokerAddress()))]", "allowedUIDs: [\(getuid())]"]
    }

    private var authenticator: [String] {
        yaml([
            ("socket", folder.authenticatorSocket), ("allowedUID", "\(services.uid)"), ("pamService", "estiba"),
            ("pamConfiguration", folder.pam), ("minimumUID", "1000"),
        ])
    }

    private func worker(_ node: String) throws(CommandError) -> [String] {
        yaml([
            ("name", node), ("key", folder.key(node)), ("authority", try publicKey("authority")),
            ("data", folder.node(node)), ("home", folder.node(node) + "/home"), ("minimumUID", "1000"),
            ("pamService", "estiba"), ("pamConfiguration", folder.pam), ("session", getuid() == 0 ? "true" : "false"),
            ("portOffset", "\(portOffset(node))"),
        ]) + ["brokers: [\(quoted(try brokerAddress()))]", "allowedUIDs: [\(getuid())]"]
            + (profiles.map { ["profiles: [\(quoted($0))]"] } ?? [])
    }

    /// Nodes of one machine give each user another port; five of them fit.
    private func portOffset(_ node: String) -> Int { 10_000 * ((nodes.firstIndex(of: node) ?? 0) % 5) }

    private func brokerAddress() throws(CommandError) -> String {
        "127.0.0.1:\(brokerPort) \(try publicKey("broker"))"
    }

    /// Passwords as the system checks them; no module that lets root pass, and nothing that moves the process.
    private static let pamServices = [
        "estiba": [
            "auth     required pam_unix.so", "account  required pam_unix.so", "session  required pam_limits.so",
        ],
        "other": [
            "auth     required pam_deny.so", "account  required pam_deny.so", "session  required pam_deny.so",
        ],
    ]

    // MARK: Writing

    private func publicKey(_ name: String) throws(CommandError) -> String {
        try KeyFile.existing(folder.key(name)).publicText
    }

    private func yaml(_ values: [(key: String, value: String)]) -> [String] {
        values.map { "\($0.key): \(quoted($0.value))" }
    }

    private func quoted(_ text: String) -> String {
        var bytes: [UInt8] = []
        JSONText.append(text, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private func put(_ lines: [String], at path: String) throws(CommandError) {
        let text = lines.map { $0 + "\n" }.joined()
        do { try File.replace(path, with: Array(text.utf8), mode: 0o644) } catch { throw .local("\(error)") }
        chmod(path, 0o644)
    }
}

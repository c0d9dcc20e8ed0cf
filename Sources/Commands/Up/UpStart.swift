import FoundationEssentials
import Glibc
import Spool

/// All parts on this machine: from the empty folder to nodes that are there.
struct UpStart: Sendable {
    /// What the one line of `--json` says.
    struct Ready: Encodable {
        var url: String
        var loginURL: String
        var token: String
        var nodes: [String]
        var pids: [String: Int32]
        var data: String
    }

    let folder: UpFolder
    let nodes: [String]
    let url: String
    let services: UpAccount
    let household: Household

    private static let patience = Duration.seconds(30)
    private static let pause = Duration.milliseconds(20)

    /// Prepares the folder and the ports; the lock must be held.
    static func prepare(_ folder: UpFolder, nodes count: Int, address: ListenAddress) async throws -> UpStart {
        let programs = Self.programs
        let services = try UpAccount.forServices(programs: programs, data: folder.path)
        try folder.make(owner: services)
        try await FormerParts.end(of: folder)
        var memory = UpMemory.read(folder)
        let port = try address.port == 0 ? Ports.free(remembered: memory.httpPort) : address.port
        guard Ports.isFree(port) else {
            let holder = Ports.holder(of: port).map { " by \($0)" } ?? ""
            throw CommandError.local(
                "\(address.host):\(port) is taken\(holder); `--address \(address.host):0` takes a free port")
        }
        let base = try Ports.freeRow(of: 5, remembered: memory.brokerPort)
        if address.port == 0 { memory.httpPort = port }
        memory.brokerPort = base
        try memory.save(folder)
        let nodes = (1...count).map { "node\($0)" }
        try UpFiles(
            folder: folder, nodes: nodes, services: services, brokerPort: base, address: "\(address.host):\(port)",
            profiles: ShippedProfiles.folder(programs: programs)
        ).write()
        let parts = Self.parts(nodes, programs, services, folder)
        return UpStart(
            folder: folder, nodes: nodes, url: "http://\(address.host):\(port)", services: services,
            household: Household(parts, folder: folder))
    }

    private static func parts(
        _ nodes: [String], _ programs: String, _ services: UpAccount, _ folder: UpFolder
    ) -> [Household.Part] {
        func command(_ program: String, _ part: String) -> [String] {
            ["\(programs)/\(program)", "--config", folder.settings(part)]
        }
        return [
            Household.Part(name: "authenticator", command: command("estiba-authenticator", "authenticator")),
            Household.Part(name: "broker", command: services.prefix + command("estiba-broker", "broker")),
            Household.Part(name: "gateway", command: services.prefix + command("estiba-gateway", "gateway")),
        ] + nodes.map { Household.Part(name: $0, command: command("estiba-worker", $0)) }
    }

    /// The folder in which this program and the others lie.
    private static var programs: String {
        let path = Processes.program(of: getpid())
        return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }

    /// Waits until every part is ready and the gateway sees every node; then logs the invoking user in.
    ///
    /// Nil where an end is wished before.
    func ready(unless wish: EndWish) async throws -> Ready? {
        let end = ContinuousClock.now + Self.patience
        while true {
            let waitingFor = await household.notYetReady
            if waitingFor.isEmpty { break }
            if wish.isThere { return nil }
            let failing = await household.failing
            if !failing.isEmpty { throw tooLong(failing) }
            guard ContinuousClock.now < end else { throw tooLong(waitingFor) }
            try await Task.sleep(for: Self.pause)
        }
        let code = try LoginCode.leave(in: folder, for: services)
        let anonymous = Gateway(StoredLogin(gateway: url))
        let login: Login = try await anonymous.post("login/code", OneTimeCode(code: code.text))
        let gateway = Gateway(StoredLogin(gateway: url, token: login.token))
        while true {
            let list: NodeList = try await gateway.get("nodes")
            let away = nodes.filter { name in !list.nodes.contains { $0.name == name && $0.present } }
            if away.isEmpty { break }
            if wish.isThere { return nil }
            guard ContinuousClock.now < end else { throw tooLong(away) }
            try await Task.sleep(for: Self.pause)
        }
        var memory = UpMemory.read(folder)
        memory.url = url
        try memory.save(folder)
        let another = try LoginCode.leave(in: folder, for: services)
        return Ready(
            url: url, loginURL: another.address(at: url), token: login.token, nodes: nodes,
            pids: await household.pids, data: folder.path)
    }

    /// Names the first part that is late, with the end of what it said.
    private func tooLong(_ parts: [String]) -> CommandError {
        let part = parts.first ?? ""
        let said = Processes.text(folder.log(part)).split(separator: "\n").suffix(5).joined(separator: "\n")
        return .local("\(parts.joined(separator: ", ")) did not become ready; \(folder.log(part)) ends with\n\(said)")
    }
}

/// `127.0.0.1:7480`: where the console listens. Port 0 takes a free one.
struct ListenAddress: Equatable {
    let host: String
    let port: UInt16

    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        let host = String(text[..<colon])
        guard host == "localhost" || Self.isLoopback(host) else { return nil }
        self.host = host
        self.port = port
    }

    private static func isLoopback(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}

import FoundationEssentials
import Glibc
import Spool

/// The gateway and the token that `login` or `up` left for this user, in `~/.config/estiba/login.json` (mode 0600).
struct StoredLogin: Codable, Equatable {
    var gateway: String
    var token: String?
    var user: String?

    static let defaultGateway = "http://127.0.0.1:7480"

    /// What the environment says, and for what it leaves open what is stored.
    static func current(_ environment: [String: String] = Environment.all) -> StoredLogin {
        let stored = try? read(environment)
        let gateway = environment["ESTIBA_GATEWAY"] ?? stored?.gateway ?? defaultGateway
        // A stored token goes to the gateway that gave it and to no other.
        let token = environment["ESTIBA_TOKEN"] ?? (gateway == stored?.gateway ? stored?.token : nil)
        return StoredLogin(gateway: gateway, token: token, user: stored?.user)
    }

    static func read(_ environment: [String: String] = Environment.all) throws -> StoredLogin {
        try JSONDecoder().decode(StoredLogin.self, from: Data(try File.contents(path(environment))))
    }

    func save(_ environment: [String: String] = Environment.all) throws {
        let folder = Self.folder(environment)
        try Folders.make(folder, mode: 0o700)
        try File.replace(Self.path(environment), with: Array(try JSONEncoder().encode(self)), mode: 0o600)
    }

    /// The gateway gave a fresh token for one in use; kept where the old one was the stored one.
    static func renew(_ old: String, as new: String, _ environment: [String: String] = Environment.all) {
        guard var stored = try? read(environment), stored.token == old else { return }
        stored.token = new
        try? stored.save(environment)
    }

    static func forget(_ environment: [String: String] = Environment.all) { unlink(path(environment)) }

    /// Where what belongs to this user's command line is kept.
    static func folder(_ environment: [String: String] = Environment.all) -> String {
        if let folder = environment["XDG_CONFIG_HOME"], folder.hasPrefix("/") { return folder + "/estiba" }
        return (environment["HOME"] ?? "/") + "/.config/estiba"
    }

    private static func path(_ environment: [String: String]) -> String { folder(environment) + "/login.json" }
}

import Bus
import Glibc
import Messages
import PAM
import Settings
import Sodium

/// What a worker is told by its YAML file (docs/operations.md).
package struct WorkerSettings: Sendable {
    var name: NodeName
    var key: KeyPair
    var brokers: [BrokerAddress]
    /// The public key of the gateways' authority.
    var authority: [UInt8]
    var data: String
    /// Homes lie in `<home>/<user>` instead of where the account database says.
    var home: String?
    var policy: Policy
    var pamService: PAM.Service
    var opensSessions: Bool
    var supervisor: String
    var placer: String
    var labels: [String: String]
    /// The most the blobs kept for later deployments may take; nil for the default.
    var cacheBytes: UInt64?
    /// What has to be free for an order to be taken.
    var freeBytes: UInt64
    var sweep: RunSweep
    var sweepPeriod: Duration
    var status: Measure.Choice
    /// Between two figures, while somebody looks.
    var statusPeriod: Duration
    /// Folders of profiles; a later one's take the place of an earlier one's.
    var profiles: [String]
    /// Added to every port that a profile gives; several nodes on one machine differ by it.
    var portOffset: Int
    /// Where service names are advertised by DNS-SD, if anywhere.
    var avahi: AvahiFolder?

    /// A setting that cannot be used; the text names it.
    struct Unusable: Error, CustomStringConvertible {
        let description: String
    }

    init(_ settings: Settings) throws {
        let name = try settings.required("name")
        guard let node = NodeName(name) else { throw Unusable(description: "name: \(name) is no name for a node") }
        self.name = node
        key = try KeyPair(path: try settings.requiredPath("key"))
        brokers = try settings.strings("brokers").map { text in
            guard let broker = BrokerAddress(text) else {
                throw Unusable(description: "brokers: \(text) is not ADDRESS[:BASE] PUBLICKEY")
            }
            return broker
        }
        guard !brokers.isEmpty else { throw Unusable(description: "brokers: at least one is needed") }
        guard let authority = Hex.decode(try settings.required("authority")), authority.count == 32 else {
            throw Unusable(description: "authority: not a public key of 64 hex digits")
        }
        self.authority = authority
        data = try settings.requiredPath("data")
        home = settings.path("home")
        policy = Policy(
            minimumUID: UInt32(clamping: try settings.int("minimumUID", default: 1000)),
            allowedUIDs: Set(try settings.ints("allowedUIDs").map { UInt32(clamping: $0) }),
            mostOfRun: RunLimits(
                memoryBytes: try settings.bytes("memoryBytesPerRun", default: 0),
                processes: UInt32(clamping: try settings.int("processesPerRun", default: 0))))
        pamService = PAM.Service(settings.string("pamService") ?? "estiba", folder: settings.path("pamConfiguration"))
        opensSessions = try settings.bool("session", default: true)
        let beside = Self.folderOfThisProgram
        supervisor = settings.path("supervisor") ?? beside + "/estiba-supervisor"
        placer = settings.path("placer") ?? beside + "/estiba-placer"
        labels = Dictionary(
            settings.strings("labels").compactMap { text in
                let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
                return parts.count == 2 ? (parts[0], parts[1]) : nil
            }, uniquingKeysWith: { $1 })
        cacheBytes = try settings.bytes("cacheBytes")
        freeBytes = try settings.bytes("freeBytes", default: 16 << 20)
        sweep = RunSweep(
            kept: try settings.span("runsKept", default: RunSweep().kept),
            unowned: try settings.span("unownedRunsKept", default: RunSweep().unowned))
        sweepPeriod = try settings.span("sweepPeriod", default: .seconds(600))
        status = Measure.Choice(
            interface: settings.string("statusInterface"), file: settings.path("statusFile"),
            showsProcesses: try settings.bool("statusProcesses", default: true))
        let milliseconds = try settings.int("statusMilliseconds", default: 1000)
        guard (500...2000).contains(milliseconds) else {
            throw Unusable(description: "statusMilliseconds: \(milliseconds) is not 500 to 2000")
        }
        statusPeriod = .milliseconds(milliseconds)
        profiles = settings.paths("profiles")
        portOffset = try settings.int("portOffset", default: 0)
        avahi = try Self.avahi(settings, node: node)
        for program in [supervisor, placer] where access(program, X_OK) != 0 {
            throw Unusable(description: "\(program): no such program; install it beside estiba-worker")
        }
    }

    /// Nil for `none`, and where no folder is named and Avahi's own is missing or read-only.
    private static func avahi(_ settings: Settings, node: NodeName) throws -> AvahiFolder? {
        if settings.string("avahi") == "none" { return nil }
        let named = settings.path("avahi")
        let path = named ?? AvahiFolder.standard
        guard access(path, W_OK) == 0 else {
            if named != nil { throw Unusable(description: "avahi: \(path) is not there or cannot be written") }
            return nil
        }
        return AvahiFolder(path: path, node: node)
    }

    private static var folderOfThisProgram: String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let path = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }
}

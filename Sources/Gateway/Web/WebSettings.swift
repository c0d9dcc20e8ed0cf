import Settings

/// What the HTTP side of the gateway is told.
struct WebSettings: Sendable {
    /// PEM files.
    struct Certificate: Sendable {
        var chain: String
        var privateKey: String
    }

    var host: String
    var port: Int
    var instance: String
    /// Further names that this server goes by, as `deploy.example.org`.
    var names: [String] = []
    var certificate: Certificate?
    var isBehindProxy = false
    /// Socket of the root helper that checks passwords.
    var authenticator: String?
    /// Folder of one-time login codes.
    var codes: String?
    var accounts = AccountRule()
    var operators = Operators()
    /// Overrides the built-in page.
    var page: String?
    /// Bootstrap's folder, with `css` and `js` in it.
    var library: String?
    /// The folder with chart.min.js; otherwise where Debian puts it.
    var charts: String?
    var largestUploadBytes = 64 << 30
    /// WebSockets and output streams that one user may have open at a time.
    var connectionsPerUser = 128

    init(host: String, port: Int, instance: String) {
        (self.host, self.port, self.instance) = (host, port, instance)
    }

    init(_ settings: Settings) throws {
        let address = settings.string("address") ?? "127.0.0.1:7480"
        guard case (let host, let port?)? = HostRules.split(address), port > 0 else {
            throw Refused.address(address)
        }
        self.init(host: host, port: port, instance: settings.string("instance") ?? "gateway")
        guard instance.utf8.allSatisfy({ Self.isPlain($0) }), instance.utf8.count <= 64 else {
            throw Refused.instance(instance)
        }
        names = settings.strings("names")
        isBehindProxy = try settings.bool("behindProxy", default: false)
        switch (settings.path("certificate"), settings.path("privateKey")) {
        case (let chain?, let key?): certificate = Certificate(chain: chain, privateKey: key)
        case (nil, nil): break
        default: throw Refused.halfCertificate
        }
        authenticator = settings.path("authenticator")
        codes = settings.path("codes")
        operators = Operators(names: Set(settings.strings("operators")))
        accounts.minimumUID = UInt32(clamping: try settings.int("minimumUID", default: 1000))
        accounts.allowedUIDs = Set(try settings.ints("allowedUIDs").map { UInt32(clamping: $0) })
        page = settings.path("page")
        library = settings.path("library")
        charts = settings.path("charts")
        largestUploadBytes = Int(clamping: try settings.bytes("largestUpload", default: UInt64(largestUploadBytes)))
        connectionsPerUser = try settings.int("connectionsPerUser", default: connectionsPerUser)
        guard certificate != nil || isBehindProxy || HostRules.isLoopback(host) else { throw Refused.plain(address) }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Why the gateway does not start with such settings.
    enum Refused: Error, Equatable, CustomStringConvertible {
        case address(String)
        case instance(String)
        case halfCertificate
        case plain(String)

        var description: String {
            switch self {
            case .address(let text): "address is \"\(text)\", not HOST:PORT with a port above 0"
            case .instance(let text): "instance is \"\(text)\": letters, digits, - and _ only, at most 64"
            case .halfCertificate: "certificate and privateKey go together: one of them is missing"
            case .plain(let text):
                """
                \(text) is not a loopback address, and passwords would travel in the clear: give certificate and \
                privateKey, or set behindProxy: true where a proxy in front speaks TLS
                """
            }
        }
    }
}

/// Which accounts may log in.
struct AccountRule: Sendable {
    var minimumUID: UInt32 = 1000
    /// May log in by a one-time code although they are below.
    var allowedUIDs: Set<UInt32> = []

    func mayLogInByPassword(_ uid: UInt32) -> Bool { uid >= minimumUID && uid != UInt32.max }
    func mayLogInByCode(_ uid: UInt32) -> Bool { mayLogInByPassword(uid) || allowedUIDs.contains(uid) }
}

import Glibc
import Logging
import Messages
import Sodium
import Spool

/// The folder of static services of avahi-daemon: a file a name, which the daemon advertises by DNS-SD while it is there
/// (avahi.service(5)). Files of others are left alone.
struct AvahiFolder: Sendable {
    static let standard = "/etc/avahi/services"
    /// At most 15 characters behind the underscore (RFC 6335 §5.1).
    static let type = "_estiba-service._tcp"

    let path: String
    let node: NodeName

    /// Makes the folder as the names say it: writes what is missing, removes what is over.
    func write(_ services: Services, log: Logger) {
        do throws(SystemError) {
            let wanted = Dictionary(
                services.entries.map { (fileName(of: $0), xml($0, $1)) }, uniquingKeysWith: { first, _ in first })
            for name in try File.names(in: path) where isOurs(name) && wanted[name] == nil { unlink("\(path)/\(name)") }
            for (name, text) in wanted {
                let place = "\(path)/\(name)"
                if let there = try? File.contents(place), there == Array(text.utf8) { continue }
                try File.replace(place, with: Array(text.utf8), mode: 0o644)
                chmod(place, 0o644)
            }
        } catch {
            log.error("service names not advertised", metadata: ["why": "\(error)"])
        }
    }

    private var prefix: String { "estiba-\(node)-" }

    func fileName(of key: Services.Key) -> String {
        prefix + Hex.encode(Array(Blake2b.hash(Array("\(key.user)/\(key.name)".utf8)).prefix(8))) + ".service"
    }

    /// A node's name may hold a `-`, so the whole form is looked at.
    private func isOurs(_ name: String) -> Bool {
        guard name.hasPrefix(prefix) else { return false }
        let rest = name.dropFirst(prefix.count)
        return [".service", ".service.new"].contains { ending in
            rest.hasSuffix(ending) && rest.count == 16 + ending.count && rest.prefix(16).allSatisfy(\.isHexDigit)
        }
    }

    func xml(_ key: Services.Key, _ entry: Services.Entry) -> String {
        let texts = ["user=\(key.user)", "node=\(node)", "execution=\(entry.execution)"]
        return """
            <?xml version="1.0" standalone="no"?>
            <!DOCTYPE service-group SYSTEM "avahi-service.dtd">
            <service-group>
              <name replace-wildcards="no">\(Self.escaped(key.name))</name>
              <service>
                <type>\(Self.type)</type>
                <port>\(entry.port)</port>
            \(texts.map { "    <txt-record>\(Self.escaped($0))</txt-record>" }.joined(separator: "\n"))
              </service>
            </service-group>

            """
    }

    /// As text in XML 1.0; what XML cannot say is left out.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&apos;"
            case "\u{FFFE}", "\u{FFFF}", "\0"..<" ": continue
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

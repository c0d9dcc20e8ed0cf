package import Messages
package import Settings
private import Sodium

/// Who may be on the bus, as sshd knows `authorized_keys`: a line per peer (docs/protocol.md §9).
package struct Registry: Sendable, Equatable {
    package struct Peer: Sendable, Hashable {
        package var principal: Principal
        package var publicKey: [UInt8]
        package var labels: [String: String]
        /// Topic prefixes a service may read, each ending in `/`.
        package var grants: [String]

        package init(principal: Principal, publicKey: [UInt8], labels: [String: String] = [:], grants: [String] = []) {
            self.principal = principal
            self.publicKey = publicKey
            self.labels = labels
            self.grants = grants
        }

        package var fingerprint: String { Fingerprint.of(publicKey) }
        package var enrolment: UInt64 { NodeKeys.enrolment(of: publicKey) }
    }

    package enum Unusable: Error, Equatable, CustomStringConvertible {
        case file(TrustedFile.Refused)
        case line(Int, reason: String)

        package var description: String {
            switch self {
            case .file(let refused): refused.description
            case .line(let number, let reason): "registry line \(number): \(reason)"
            }
        }
    }

    /// In the order of the file.
    package private(set) var peers: [Peer] = []
    private var byKey: [[UInt8]: Int] = [:]
    private var byPrincipal: [Principal: Int] = [:]

    package init() {}

    package init(text: String) throws(Unusable) {
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            guard !words.isEmpty else { continue }
            try add(Self.peer(words, line: index + 1), line: index + 1)
        }
    }

    package init(path: String) throws(Unusable) {
        let text: String
        do { text = try TrustedFile.read(path, as: .settings) } catch { throw .file(error) }
        try self.init(text: text)
    }

    package subscript(key: [UInt8]) -> Peer? { byKey[key].map { peers[$0] } }
    package subscript(principal: Principal) -> Peer? { byPrincipal[principal].map { peers[$0] } }

    /// The nodes, in natural order of their names.
    package var nodes: [Peer] {
        peers.filter { $0.principal.role == .node }.sorted {
            NaturalOrder.isBefore($0.principal.name, $1.principal.name)
        }
    }

    /// Adds a peer; a key or a principal that is there already is an error, with line 0 where there is no file.
    package mutating func add(_ peer: Peer, line: Int = 0) throws(Unusable) {
        guard byKey[peer.publicKey] == nil else {
            throw .line(line, reason: "the key of \(peer.principal) is there twice")
        }
        guard byPrincipal[peer.principal] == nil else { throw .line(line, reason: "\(peer.principal) is there twice") }
        byKey[peer.publicKey] = peers.count
        byPrincipal[peer.principal] = peers.count
        peers.append(peer)
    }

    package var text: String { peers.map { $0.line + "\n" }.joined() }

    private static func peer(_ words: [Substring], line: Int) throws(Unusable) -> Peer {
        guard words.count >= 2, let principal = Principal(String(words[0])) else {
            throw .line(line, reason: "not PRINCIPAL PUBLICKEY")
        }
        guard let key = Hex.decode(words[1]), key.count == 32 else {
            throw .line(line, reason: "a public key has 64 hex digits")
        }
        var peer = Peer(principal: principal, publicKey: key)
        for word in words.dropFirst(2) {
            if word.hasPrefix("labels=") {
                for pair in word.dropFirst(7).split(separator: ",") {
                    let halves = pair.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                    guard halves.count == 2, !halves[0].isEmpty else {
                        throw .line(line, reason: "labels are name:value,…")
                    }
                    peer.labels[String(halves[0])] = String(halves[1])
                }
            } else if word.hasPrefix("grants=") {
                peer.grants = word.dropFirst(7).split(separator: ",").map(String.init)
                guard peer.grants.allSatisfy({ $0.hasSuffix("/") && $0.utf8.count <= 256 }) else {
                    throw .line(line, reason: "a grant ends in / and has at most 256 bytes")
                }
            } else {
                throw .line(line, reason: "unknown word \(word)")
            }
        }
        return peer
    }
}

extension Registry.Peer {
    /// The line of the registry file.
    package var line: String {
        var line = "\(principal) \(Hex.encode(publicKey))"
        if !labels.isEmpty {
            line +=
                " labels=" + labels.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }.joined(separator: ",")
        }
        if !grants.isEmpty { line += " grants=" + grants.joined(separator: ",") }
        return line
    }
}

private import Glibc
package import Settings
private import Sodium

/// A CURVE key pair: who a process is on the bus. The same form holds the authority's pair.
package struct KeyPair: Sendable, Equatable {
    /// 32 bytes each.
    package let publicKey: [UInt8]
    package let secretKey: [UInt8]

    package enum Unusable: Error, Equatable, CustomStringConvertible {
        case file(TrustedFile.Refused)
        /// Not two lines `public HEX` and `secret HEX` that belong together.
        case malformed(path: String)
        case cannotWrite(path: String, number: Int32)

        package var description: String {
            switch self {
            case .file(let refused): refused.description
            case .malformed(let path): "\(path): not a key file, or its halves do not belong together"
            case .cannotWrite(let path, let number): "\(path): \(String(cString: strerror(number)))"
            }
        }
    }

    package static func random() -> KeyPair { KeyPair(secretKey: Random.bytes(32)) }

    /// The pair of a secret half of 32 bytes.
    package init(secretKey: [UInt8]) {
        self.secretKey = secretKey
        publicKey = KeyExchange.publicKey(of: secretKey)
    }

    /// Reads a key file; a mode looser than 0400 or a foreign owner is refused and named.
    package init(path: String) throws(Unusable) {
        let text: String
        do { text = try TrustedFile.read(path, as: .secret) } catch { throw .file(error) }
        var halves: [Substring: [UInt8]] = [:]
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            let words = line.split(separator: " ")
            guard words.count == 2, let key = Hex.decode(words[1]), key.count == 32 else {
                throw .malformed(path: path)
            }
            halves[words[0]] = key
        }
        guard let secret = halves["secret"], let known = halves["public"] else { throw .malformed(path: path) }
        self.init(secretKey: secret)
        guard publicKey == known else { throw .malformed(path: path) }
    }

    /// Makes the key file with mode 0400; a file that is there already is not touched and is an error (EEXIST).
    package func save(to path: String) throws(Unusable) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o400)
        guard descriptor >= 0 else { throw .cannotWrite(path: path, number: errno) }
        defer { close(descriptor) }
        let text = Array("public \(Hex.encode(publicKey))\nsecret \(Hex.encode(secretKey))\n".utf8)
        guard fchmod(descriptor, 0o400) == 0, write(descriptor, text, text.count) == text.count, fsync(descriptor) == 0
        else {
            throw .cannotWrite(path: path, number: errno)
        }
    }

    package var publicText: String { Hex.encode(publicKey) }
}

/// A pair never shows its secret half, in whatever is printed or logged with it.
extension KeyPair: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "key \(Fingerprint.of(publicKey))" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// What people compare: 16 hex digits of a public key's hash.
package enum Fingerprint {
    package static func of(_ publicKey: [UInt8]) -> String { Hex.encode(Blake2b.hash(publicKey).prefix(8)) }
}

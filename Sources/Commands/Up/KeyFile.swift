import Glibc
import Sodium
import Spool

/// A key pair in a file of mode 0400 (docs/protocol.md §9).
///
/// Written here and not by `Bus`, which would bring ZeroMQ and a YAML reader into a program that must start at once.
struct KeyFile {
    let path: String
    /// 64 hex digits.
    let publicText: String

    /// Draws a new pair; a file that is there is not touched and is an error.
    static func make(_ path: String) throws(CommandError) -> KeyFile {
        let secret = Random.bytes(32)
        let publicText = Hex.encode(KeyExchange.publicKey(of: secret))
        let text = "public \(publicText)\nsecret \(Hex.encode(secret))\n"
        do throws(SystemError) {
            let file = try File(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o400)
            try file.write(Array(text.utf8))
            try file.synchronise()
        } catch {
            throw .local("\(error)")
        }
        return KeyFile(path: path, publicText: publicText)
    }

    /// The public half of one that is there, whoever owns it; makes it where it is missing.
    static func existing(_ path: String) throws(CommandError) -> KeyFile {
        guard access(path, F_OK) == 0 else { return try make(path) }
        for line in Processes.text(path).split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == "public" { return KeyFile(path: path, publicText: String(words[1])) }
        }
        throw .local("\(path): not a key file; remove it to have a new one made")
    }

    /// What people compare: 16 hex digits of the public key's hash.
    var fingerprint: String { Hex.encode(Blake2b.hash(Hex.decode(publicText) ?? []).prefix(8)) }
}

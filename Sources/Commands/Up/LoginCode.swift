import Glibc
import Messages
import Sodium
import Spool

/// A code that logs the invoking user in once; the gateway takes its file away when it is used.
struct LoginCode {
    let text: String

    /// Leaves the code where the gateway looks for it.
    static func leave(in folder: UpFolder, for services: UpAccount) throws(CommandError) -> LoginCode {
        let code = Base64URL.encode(Random.bytes(32))
        let path = "\(folder.codes)/\(Hex.encode(Blake2b.hash(Array(code.utf8))))"
        let content = "\(getuid()) \(UpAccount.invokingUser)\n"
        do { try File.replace(path, with: Array(content.utf8), mode: 0o600) } catch { throw .local("\(error)") }
        try services.own(path)
        return LoginCode(text: code)
    }
}

import Glibc
import Messages
import Sodium
import Spool

/// A code that logs the invoking user in once; the gateway takes its file away when it is used.
struct LoginCode {
    let text: String

    /// The console's address that logs in; the code stands in the fragment, which no server sees.
    func address(at url: String) -> String { "\(url)/#code=\(text)" }

    /// Leaves the code where the gateway looks for it.
    static func leave(in folder: UpFolder, for services: UpAccount) throws(CommandError) -> LoginCode {
        let code = Base64URL.encode(Random.bytes(32))
        let path = "\(folder.codes)/\(Hex.encode(Blake2b.hash(Array(code.utf8))))"
        let content = "\(getuid()) \(UpAccount.invokingUser)\n"
        do throws(SystemError) {
            // The folder is the gateway's: nothing that lies there is followed or taken for ours.
            let file = try File(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW)
            try file.write(Array(content.utf8))
            try services.own(file)
        } catch {
            throw .local("\(error)")
        }
        return LoginCode(text: code)
    }
}

import Glibc
import Sodium
import Spool

/// One-time login codes: a file for each in a folder that only this account can write to.
///
/// A file is named by the BLAKE2b-256 of its code in hex, so the folder tells nobody a code; its content is `uid user`.
struct LoginCodes: Sendable {
    let folder: String

    static let lifeSeconds = 15 * 60

    /// Takes a code, so that nobody can take it again; nil where there is none such or it is too old.
    func take(_ code: String, atUnixSeconds now: Int) -> (user: String, uid: UInt32)? {
        guard (16...256).contains(code.utf8.count) else { return nil }
        let path = "\(folder)/\(Hex.encode(Blake2b.hash(Array(code.utf8))))"
        guard let file = try? File(path, O_RDONLY | O_NOFOLLOW), let status = try? file.status(),
            let content = try? file.bytes(at: 0, count: 512)
        else { return nil }
        // Of two who race for a code, one succeeds in removing it.
        guard unlink(path) == 0 else { return nil }
        guard (0...Self.lifeSeconds).contains(now - Int(status.st_mtim.tv_sec) + 1) else { return nil }
        let words = String(decoding: content, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let uid = UInt32(words[0]) else { return nil }
        return (String(words[1]), uid)
    }
}

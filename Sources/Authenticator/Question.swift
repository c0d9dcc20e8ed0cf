import Foundation

/// One question to the authenticator: is this the user's password?
struct Question: Hashable, Sendable, Decodable {
    /// The longest line; a password of 1 KiB may be six times as long in JSON.
    static let longestLine = 16_384

    let user: String
    let password: String
    /// Where the user sits, for the log.
    let address: String?

    /// Nil for a line that is none.
    init?(line: [UInt8]) {
        guard let question = try? JSONDecoder().decode(Question.self, from: Data(line)) else { return nil }
        self = question
    }

    /// Whether PAM may be asked at all. What it would cut short or read otherwise than it is written never gets there.
    var isProper: Bool {
        let name = user.utf8
        guard (1...256).contains(name.count), name.first != UInt8(ascii: "-") else { return false }
        guard name.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { return false }
        return !password.isEmpty && password.utf8.count <= 1024 && !password.utf8.contains(0)
    }
}

/// The answer: one line of JSON.
enum Answer: Hashable, Sendable {
    case granted(user: String, uid: UInt32)
    case refused

    var line: [UInt8] {
        switch self {
        case .granted(let user, let uid):
            Array("{\"ok\":true,\"user\":\(Self.quoted(user)),\"uid\":\(uid)}\n".utf8)
        case .refused: Array("{\"ok\":false}\n".utf8)
        }
    }

    private static func quoted(_ text: String) -> String {
        (try? JSONEncoder().encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
    }
}

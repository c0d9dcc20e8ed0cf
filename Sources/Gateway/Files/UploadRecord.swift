import Foundation
import Messages
import Sodium
import Spool

/// The name of an upload, drawn at random: 32 hex digits.
struct UploadID: Hashable, Sendable, LosslessStringConvertible {
    let description: String

    init() { description = Hex.encode(Random.bytes(16)) }

    init?(_ text: String) {
        guard text.utf8.count == 32, let bytes = Hex.decode(text), Hex.encode(bytes) == text else { return nil }
        description = text
    }
}

/// What of an upload outlives the gateway, besides its bytes: `record` in its folder.
struct UploadRecord: Codable, Sendable {
    var user: String
    var size: UInt64
    /// Whether `list` beside it has the hashes that the chunks will have.
    var hasList: Bool
    /// The machine's start in which it was begun: bytes of an earlier one may not all have reached the disk.
    var boot: String

    static let thisBoot =
        (try? File.contents("/proc/sys/kernel/random/boot_id", limit: 100))
        .map { String(decoding: $0, as: UTF8.self) } ?? ""

    init(user: String, size: UInt64, hasList: Bool) {
        (self.user, self.size, self.hasList, boot) = (user, size, hasList, Self.thisBoot)
    }

    /// Nil for a folder that holds no upload.
    init?(folder: String) {
        guard let bytes = try? SealedFile.contents(folder + "/record"),
            let record = try? JSONDecoder().decode(UploadRecord.self, from: Data(bytes))
        else { return nil }
        self = record
    }

    func save(in folder: String) throws(SystemError) {
        guard let bytes = try? JSONEncoder().encode(self) else { throw SystemError("encode", folder, errno: 0) }
        try SealedFile.replace(folder + "/record", with: Array(bytes))
    }
}

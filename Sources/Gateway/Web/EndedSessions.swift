import Glibc
import Sodium
import Spool

/// The sessions that were ended before their time, on the disk: a restart of the gateway brings none back to life.
///
/// A line for each, `SESSION UNTIL`: 32 hex digits, and the Unix milliseconds after which no token of it could be good.
struct EndedSessions: Sendable {
    let path: String

    /// Those that still matter; the file is left with no others.
    func read(at now: Int64) -> [[UInt8]: Int64] {
        guard let bytes = try? File.contents(path, limit: 64 << 20) else { return [:] }
        var ended: [[UInt8]: Int64] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2, let session = Hex.decode(words[0]), let until = Int64(words[1]), now < until else {
                continue
            }
            ended[session] = until
        }
        try? File.replace(path, with: ended.flatMap { Self.line($0.key, $0.value) })
        return ended
    }

    /// In the page cache when it returns, so that it outlives this process, though not a power cut.
    func add(_ session: [UInt8], until: Int64) throws(SystemError) {
        try File(path, O_WRONLY | O_CREAT | O_APPEND).write(Self.line(session, until))
    }

    private static func line(_ session: [UInt8], _ until: Int64) -> [UInt8] {
        Array("\(Hex.encode(session)) \(until)\n".utf8)
    }
}

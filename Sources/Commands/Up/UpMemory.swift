import FoundationEssentials
import Glibc
import Spool

/// What `up` keeps from one start to the next, so that its ports stay.
struct UpMemory: Codable, Equatable {
    var httpPort: UInt16?
    var brokerPort: UInt16?
    /// Of the console, as it was last ready.
    var url: String?

    static func read(_ folder: UpFolder) -> UpMemory {
        guard let bytes = try? File.contents(folder.memory) else { return UpMemory() }
        return (try? JSONDecoder().decode(UpMemory.self, from: Data(bytes))) ?? UpMemory()
    }

    func save(_ folder: UpFolder) throws(CommandError) { try JSONFile.write(self, to: folder.memory) }
}

/// A small file that is always whole.
enum JSONFile {
    static func write(_ value: some Encodable, to path: String, mode: mode_t = 0o644) throws(CommandError) {
        let text = StateLine.line(value)
        do { try File.replace(path, with: Array(text.utf8), mode: mode) } catch { throw .local("\(error)") }
    }
}

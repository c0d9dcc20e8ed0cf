import Glibc
import Messages
import Spool

/// Held by the gateway that works on a data folder for as long as it lives; the system lets go of it with the process.
struct FolderLock: ~Copyable {
    private let file: File

    /// Throws `busy` where another process has it, and says which.
    init(of data: String) throws(Failure) {
        file = try Self.locked(data)
    }

    private static func locked(_ data: String) throws(Failure) -> File {
        let file = try open(data + "/lock")
        if flock(file.descriptor, LOCK_EX | LOCK_NB) == 0 { return file }
        let holder = (try? file.bytes(at: 0, count: 64)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let pid = holder.filter(\.isNumber)
        throw Failure(.busy, "A gateway runs on \(data)\(pid.isEmpty ? "" : " (process \(pid))"): stop it first.")
    }

    private static func open(_ path: String) throws(Failure) -> File {
        do throws(SystemError) { return try File(path, O_RDWR | O_CREAT) } catch {
            throw Failure(.permission, "\(error)")
        }
    }

    /// Leaves word of who has it.
    func sign() {
        try? file.truncate(to: 0)
        try? file.write(Array("\(getpid())\n".utf8), at: 0)
    }
}

/// A folder that was taken over says by whom: no gateway starts on it again.
enum AdoptionMark {
    private static func path(_ data: String) -> String { data + "/adopted" }

    /// Nil where it was not.
    static func read(in data: String) -> String? {
        (try? File.contents(path(data), limit: 1024)).map {
            String(decoding: $0, as: UTF8.self).filter { !$0.isWhitespace }
        }
    }

    static func leave(in data: String, by gateway: String) throws(SystemError) {
        try File.replace(path(data), with: Array("\(gateway)\n".utf8))
    }

    /// Throws what to say where a gateway is started on such a folder.
    static func refuse(_ data: String) throws(Failure) {
        guard let by = read(in: data) else { return }
        throw Failure(
            .gone, "The executions in \(data) were taken over by the gateway \(by): give this one another data folder.")
    }
}

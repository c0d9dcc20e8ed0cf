import Glibc
import Spool

/// Replaces the calling process by a program, found as execvp(3) does, but in the `PATH` that the program gets itself.
struct ProgramSearch {
    let arguments: [String]
    let environment: [String]

    /// What POSIX says for an environment without `PATH`.
    private static let standardPath = "/bin:/usr/bin"

    /// Returns only by throwing why there is no such program, or why it may not be run.
    func execute() throws(StartFailure) -> Never {
        guard let name = arguments.first, !name.isEmpty else { throw .notFound }
        if name.contains("/") { throw attempt(name) }
        var worst = StartFailure.notFound
        for folder in folders {
            let failure = attempt(folder.isEmpty ? "./\(name)" : "\(folder)/\(name)")
            switch failure {
            case .notFound: continue
            case .permission, .notExecutable: worst = failure
            default: throw failure
            }
        }
        throw worst
    }

    private var folders: [Substring] {
        let path = environment.first { $0.hasPrefix("PATH=") }.map { $0.dropFirst(5) } ?? Self.standardPath[...]
        return path.split(separator: ":", omittingEmptySubsequences: false)
    }

    private func attempt(_ path: String) -> StartFailure {
        execute(path, arguments)
        switch errno {
        case ENOEXEC: return withoutInterpreter(path)
        case ENOENT where access(path, F_OK) == 0: return .other(step: "interpreter", errno: ENOENT)
        case ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP: return .notFound
        case EACCES, EPERM, EISDIR: return refusal(path)
        case let reason: return .other(step: "exec", errno: reason)
        }
    }

    /// A text without `#!` goes to the shell, as execvp does it; what looks like no text is not run.
    private func withoutInterpreter(_ path: String) -> StartFailure {
        let start = (try? File(path).bytes(at: 0, count: 256)) ?? []
        if start.prefix(while: { $0 != UInt8(ascii: "\n") }).contains(0) { return .notExecutable }
        execute("/bin/sh", ["/bin/sh", path] + arguments.dropFirst())
        return .notExecutable
    }

    private func refusal(_ path: String) -> StartFailure {
        var found = stat()
        guard stat(path, &found) == 0 else { return .permission }
        let isPlainFile = found.st_mode & S_IFMT == S_IFREG
        return isPlainFile && found.st_mode & 0o111 != 0 && access(path, X_OK) != 0 ? .permission : .notExecutable
    }

    private func execute(_ path: String, _ arguments: [String]) {
        let words = arguments.map { strdup($0) } + [nil]
        let variables = environment.map { strdup($0) } + [nil]
        execve(path, words, variables)
        let reason = errno
        for word in words + variables { free(word) }
        errno = reason
    }
}

private import Glibc

/// A file that settings or keys come from: nobody but its owner may have had a hand in it.
package enum TrustedFile {
    package enum Kind: Sendable {
        /// Not writable by group or others; owned by this user or root.
        case settings
        /// Mode 0400 at most; owned by this user.
        case secret
    }

    package enum Refused: Error, Equatable, CustomStringConvertible {
        case unreadable(path: String, number: Int32)
        case notAFile(path: String)
        case foreign(path: String, owner: UInt32)
        case loose(path: String, mode: UInt32, allowed: UInt32)
        case notText(path: String)

        package var description: String {
            switch self {
            case .unreadable(let path, let number): "\(path): \(String(cString: strerror(number)))"
            case .notAFile(let path): "\(path): not a regular file"
            case .foreign(let path, let owner): "\(path): owned by uid \(owner), which is not this user"
            case .loose(let path, let mode, let allowed):
                "\(path): mode 0\(String(mode, radix: 8)) is too open; at most 0\(String(allowed, radix: 8)) is allowed"
            case .notText(let path): "\(path): not UTF-8 text"
            }
        }
    }

    /// The text of the file, of at most 16 MiB. What is checked is what was opened, not what the path names later.
    package static func read(_ path: String, as kind: Kind) throws(Refused) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .unreadable(path: path, number: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .unreadable(path: path, number: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
        let mode = status.st_mode & 0o7777
        switch kind {
        case .settings:
            guard status.st_uid == geteuid() || status.st_uid == 0 else {
                throw .foreign(path: path, owner: status.st_uid)
            }
            guard mode & 0o022 == 0 else { throw .loose(path: path, mode: mode, allowed: 0o755) }
        case .secret:
            guard status.st_uid == geteuid() else { throw .foreign(path: path, owner: status.st_uid) }
            guard mode & ~0o400 == 0 else { throw .loose(path: path, mode: mode, allowed: 0o400) }
        }
        return try text(of: descriptor, size: min(Int(status.st_size), 16 << 20), path: path)
    }

    private static func text(of descriptor: Int32, size: Int, path: String) throws(Refused) -> String {
        var bytes = [UInt8](repeating: 0, count: size)
        var filled = 0
        while filled < size {
            let count = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress?.advanced(by: filled), size - filled)
            }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(path: path, number: errno) }
            if count == 0 { break }
            filled += count
        }
        guard let text = String(validating: bytes.prefix(filled), as: UTF8.self) else { throw .notText(path: path) }
        return text
    }
}

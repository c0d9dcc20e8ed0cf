import Glibc

/// A system call that failed: which one, on what, and its `errno`.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    package let call: String
    package let path: String
    package let errno: Int32

    package init(_ call: String, _ path: String = "", errno: Int32) {
        self.call = call
        self.path = path
        self.errno = errno
    }

    /// With the `errno` of the call just made.
    package static func last(_ call: String, _ path: String = "") -> SystemError {
        SystemError(call, path, errno: Glibc.errno)
    }

    package var description: String {
        path.isEmpty ? "\(call): \(reason)" : "\(call) \(path): \(reason)"
    }

    /// The system's words for it.
    package var reason: String { String(cString: strerror(errno)) }
}

extension SystemError {
    /// There is no such file.
    package var isMissing: Bool { errno == ENOENT }
}

extension SystemError {
    /// The disk is full, or what this account may hold of it.
    package var isNoSpace: Bool { errno == ENOSPC || errno == EDQUOT }
}

extension SystemError {
    /// A non-blocking call found nothing to do.
    package var isAgain: Bool { errno == EAGAIN }
}

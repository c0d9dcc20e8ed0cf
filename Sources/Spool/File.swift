package import Glibc

/// An open file descriptor, closed when this goes: the one place where POSIX file calls are made.
///
/// Every call is repeated on EINTR and throws what the system says.
package struct File: ~Copyable {
    package let descriptor: Int32
    /// For messages only.
    package let path: String

    /// Takes over a descriptor that is open already.
    package init(adopting descriptor: Int32, path: String = "") {
        self.descriptor = descriptor
        self.path = path
    }

    /// Always close-on-exec.
    package init(_ path: String, _ flags: Int32 = O_RDONLY, mode: mode_t = 0o600) throws(SystemError) {
        descriptor = try Self.check("open", path) { Glibc.open(path, flags | O_CLOEXEC, mode) }
        self.path = path
    }

    /// Opens a file of a folder that is open; the name may hold slashes.
    package init(_ name: String, in folder: borrowing File, _ flags: Int32, mode: mode_t = 0o600) throws(SystemError) {
        let place = folder.descriptor
        path = "\(folder.path)/\(name)"
        descriptor = try Self.check("open", path) { openat(place, name, flags | O_CLOEXEC, mode) }
    }

    deinit { close(descriptor) }

    /// Reads what is there, once; 0 at the end.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        try Self.check("read", path) { Glibc.read(descriptor, buffer.baseAddress, buffer.count) }
    }

    /// Reads at an offset until the buffer is full or the file ends.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(SystemError) -> Int {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let got = try Self.check("pread", path) {
                pread(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            }
            if got == 0 { break }
            done += got
        }
        return done
    }

    /// At most `limit` bytes from the beginning of the file at `path`.
    package static func contents(_ path: String, limit: Int = 4 << 20) throws(SystemError) -> [UInt8] {
        let file = try File(path)
        return try file.bytes(at: 0, count: min(limit, try file.size()))
    }

    /// Writes all of it at the descriptor's own offset.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var rest = bytes
        while !rest.isEmpty {
            let written = try Self.check("write", path) { Glibc.write(descriptor, rest.baseAddress, rest.count) }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }

    package func write(_ bytes: [UInt8]) throws(SystemError) {
        try bytes.withUnsafeBufferPointer { buffer throws(SystemError) in try write(UnsafeRawBufferPointer(buffer)) }
    }

    /// Writes all of it at an offset; the descriptor's own stays.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            done += try Self.check("pwrite", path) {
                pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            }
        }
    }

    package func write(_ bytes: [UInt8], at offset: Int) throws(SystemError) {
        try bytes.withUnsafeBufferPointer { buffer throws(SystemError) in
            try write(UnsafeRawBufferPointer(buffer), at: offset)
        }
    }

    package func size() throws(SystemError) -> Int { Int(try status().st_size) }

    package func status() throws(SystemError) -> stat {
        var found = stat()
        try Self.check("fstat", path) { fstat(descriptor, &found) }
        return found
    }

    package func truncate(to size: Int) throws(SystemError) {
        try Self.check("ftruncate", path) { ftruncate(descriptor, off_t(size)) }
    }

    package func synchronise() throws(SystemError) {
        try Self.check("fsync", path) { fsync(descriptor) }
    }

    /// Makes a call again while a signal interrupts it, and throws its error.
    @discardableResult
    package static func check<Result: SignedInteger>(
        _ call: String, _ path: String = "", _ body: () -> Result
    ) throws(SystemError) -> Result {
        while true {
            let result = body()
            if result >= 0 { return result }
            if errno != EINTR { throw SystemError.last(call, path) }
        }
    }
}

extension File {
    /// Puts a file in place whole or not at all: a name beside it, fsync, rename, fsync of the folder.
    package static func replace(_ path: String, with bytes: [UInt8], mode: mode_t = 0o600) throws(SystemError) {
        let beside = path + ".new"
        do throws(SystemError) {
            let file = try File(beside, O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
            try file.write(bytes)
            try file.synchronise()
            try check("rename", path) { rename(beside, path) }
        } catch {
            unlink(beside)
            throw error
        }
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        try File(folder, O_RDONLY | O_DIRECTORY).synchronise()
    }

    /// The names in a folder, without `.` and `..`, in no order.
    package static func names(in folder: String) throws(SystemError) -> [String] {
        var names: [String] = []
        try forEachName(in: folder) { name in
            names.append(name)
            return true
        }
        return names
    }
}

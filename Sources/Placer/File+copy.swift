import Glibc
import Spool

extension File {
    /// Appends all bytes of another file, from its beginning, within the kernel.
    func append(contentsOf source: borrowing File) throws(SystemError) {
        _ = try append(from: source, at: 0, count: .max)
    }

    /// Appends bytes of another file, within the kernel; returns how many there were.
    func append(from source: borrowing File, at start: Int, count: Int) throws(SystemError) -> Int {
        let (from, to) = (source.descriptor, descriptor)
        var offset = off_t(start)
        var left = count
        while left > 0 {
            let most = min(left, 1 << 30)
            let copied = try File.check("copy", path) { sendfile(to, from, &offset, most) }
            if copied == 0 { break }
            left -= copied
        }
        return count - left
    }

    /// The names in an open folder, without `.` and `..`, in no order.
    static func names(in folder: borrowing File) throws(SystemError) -> [String] {
        let own = try File(".", in: folder, O_RDONLY | O_DIRECTORY)
        return try names(in: "/proc/self/fd/\(own.descriptor)")
    }

    /// Opens a folder by its name in another, where it is one.
    static func folder(_ name: String, in folder: borrowing File) throws(SystemError) -> File {
        try File(name, in: folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    }
}

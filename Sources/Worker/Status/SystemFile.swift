import Glibc
import Spool

/// A file of /proc or /sys that is read again and again: it stays open, and the kernel writes it anew at each reading.
struct SystemFile: ~Copyable {
    /// 128 cores with their interrupts are some 100 KiB of /proc/stat.
    private static let most = 1 << 20

    let path: String
    private var file: File?
    private var buffer = [UInt8](repeating: 0, count: 4096)

    init(_ path: String) { self.path = path }

    /// The whole text; nil where it cannot be read just now. Opened again at the next call then.
    mutating func read() -> ArraySlice<UInt8>? {
        if file == nil { file = try? File(path, O_RDONLY | O_NONBLOCK) }
        guard file != nil else { return nil }
        var count = 0
        while true {
            guard let got = piece(from: count) else {
                file = nil
                return nil
            }
            count += got
            if got == 0 || count >= Self.most { return buffer[..<count] }
            if count == buffer.count { buffer += [UInt8](repeating: 0, count: buffer.count) }
        }
    }

    private mutating func piece(from start: Int) -> Int? {
        guard let descriptor = file?.descriptor else { return nil }
        let got = buffer.withUnsafeMutableBytes { bytes in
            pread(descriptor, bytes.baseAddress.map { $0 + start }, bytes.count - start, off_t(start))
        }
        return got < 0 ? nil : got
    }

    /// Reads a regular file once; nil where it is not one or cannot be read.
    static func once(_ path: String, limit: Int = 4096) -> ArraySlice<UInt8>? {
        guard let file = try? File(path, O_RDONLY | O_NONBLOCK), let status = try? file.status(),
            status.st_mode & S_IFMT == S_IFREG, let bytes = try? file.bytes(at: 0, count: limit)
        else { return nil }
        return bytes[...]
    }
}

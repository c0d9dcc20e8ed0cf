import Glibc
import Spool

extension File {
    /// Appends all bytes of another file, from its beginning, within the kernel.
    func append(contentsOf source: borrowing File) throws(SystemError) {
        let (from, to) = (source.descriptor, descriptor)
        var offset: off_t = 0
        var copied = 1
        while copied > 0 {
            copied = try File.check("copy", path) { sendfile(to, from, &offset, 1 << 30) }
        }
    }
}

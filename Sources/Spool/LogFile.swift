import Glibc

/// The open file of a log: its writer's thread appends, and another may bring what was appended to the disk.
package final class LogFile: Sendable {
    private let file: File

    init(_ file: consuming File) { self.file = file }

    func write(_ bytes: [UInt8]) throws(SystemError) { try file.write(bytes) }

    /// Returns once everything that was written before the call is on the disk.
    package func synchronise() throws(SystemError) {
        try File.check("fdatasync", file.path) { fdatasync(file.descriptor) }
    }
}

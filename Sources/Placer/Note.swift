import CLinux
import Glibc
import Spool

/// The worker's note of what a placer is about to do with a name, so that another one, after a crash, can tell whether it
/// was done. A file of the worker's that the placer gets open; one placer at a time holds it.
struct Note: ~Copyable {
    enum Entry: Equatable {
        /// This is to have the name.
        case placing(Identity)
        /// This is to lose it.
        case removing(Identity)
    }

    private let file: File

    /// Takes the note's descriptor over and waits until an earlier placer has ended.
    init(adopting descriptor: Int32) throws(SystemError) {
        file = File(adopting: descriptor, path: "note")
        try File.check("lock", "note") { estiba_lock_wait(descriptor) }
    }

    /// What an earlier placer was about to do.
    func read() throws(SystemError) -> Entry? {
        let bytes = try file.bytes(at: 0, count: 200)
        // A line that is not whole was never acted upon.
        guard bytes.last == UInt8(ascii: "\n") else { return nil }
        let words = String(decoding: bytes.dropLast(), as: UTF8.self).split(separator: " ", maxSplits: 1)
        guard words.count == 2, let identity = Identity(text: words[1]) else { return nil }
        return words[0] == "placing" ? .placing(identity) : .removing(identity)
    }

    /// Is on the disk when this returns.
    func write(_ entry: Entry) throws(SystemError) {
        let line =
            switch entry {
            case .placing(let identity): "placing \(identity.text)\n"
            case .removing(let identity): "removing \(identity.text)\n"
            }
        try file.truncate(to: 0)
        let descriptor = file.descriptor
        try File.check("lseek") { lseek(descriptor, 0, SEEK_SET) }
        try file.write(Array(line.utf8))
        try file.synchronise()
    }
}

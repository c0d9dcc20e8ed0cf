import Glibc
import Messages
import Spool
import Synchronization

/// Ids of runs whose folders are gone while their orders may still come: with the hash of each order, until a time.
///
/// `<data>/remembered`: `ESTIREM1`, then records of 60 bytes, only ever appended and now and then written anew: execution id
/// 16, BLAKE2b-256 of the order, until u64 (Unix ms), CRC-32C u32 of those 56.
final class Remembered: Sendable {
    struct Entry: Hashable, Sendable {
        var hash: [UInt8]
        var until: Int64
    }

    /// Bounds the memory; at it, folders stay where they are.
    static let most = 50_000
    private static let magic = Array("ESTIREM1".utf8)
    private static let recordSize = 60

    private let path: String
    private let entries: Mutex<[ExecutionID: Entry]>
    /// Records that do not hold; what they were of is not known any more.
    let damaged: Int

    init(data: String, at now: Int64) throws(SystemError) {
        path = data + "/remembered"
        var bytes: [UInt8] = []
        do throws(SystemError) { bytes = try File.contents(path, limit: 64 << 20) } catch {
            guard error.isMissing else { throw error }
        }
        let (found, damaged) = Self.read(bytes)
        entries = Mutex(found.filter { $0.value.until > now })
        self.damaged = damaged
        try rewrite()
    }

    var count: Int { entries.withLock(\.count) }
    var isFull: Bool { count >= Self.most }

    func hash(of execution: ExecutionID) -> [UInt8]? { entries.withLock { $0[execution]?.hash } }

    /// Is on the disk when this returns.
    func add(_ execution: ExecutionID, _ entry: Entry) throws(SystemError) {
        let file = try File(path, O_WRONLY | O_APPEND)
        try file.write(Self.record(execution, entry))
        try file.synchronise()
        entries.withLock { $0[execution] = entry }
    }

    /// Forgets what is over.
    func sweep(at now: Int64) throws(SystemError) {
        let gone = entries.withLock { entries in
            let before = entries.count
            entries = entries.filter { $0.value.until > now }
            return before - entries.count
        }
        if gone > 0 { try rewrite() }
    }

    private func rewrite() throws(SystemError) {
        let records = entries.withLock { $0.flatMap { Self.record($0.key, $0.value) } }
        try File.replace(path, with: Self.magic + records)
    }

    static func record(_ execution: ExecutionID, _ entry: Entry) -> [UInt8] {
        var writer = FieldWriter()
        writer.integer(entry.until)
        let bytes = execution.bytes + (entry.hash + [UInt8](repeating: 0, count: 32)).prefix(32) + writer.bytes
        var sum = FieldWriter()
        sum.integer(CRC32C.of(bytes))
        return bytes + sum.bytes
    }

    static func read(_ bytes: [UInt8]) -> (entries: [ExecutionID: Entry], damaged: Int) {
        guard !bytes.isEmpty else { return ([:], 0) }
        guard bytes.starts(with: magic) else { return ([:], max(1, bytes.count / recordSize)) }
        var (found, damaged): ([ExecutionID: Entry], Int) = ([:], 0)
        var rest = bytes.dropFirst(magic.count)
        while !rest.isEmpty {
            let one = Array(rest.prefix(recordSize))
            rest = rest.dropFirst(recordSize)
            guard one.count == recordSize, let execution = ExecutionID(bytes: one[..<16]) else {
                damaged += 1
                break
            }
            var tail = FieldReader(Array(one[48...]))
            guard let until = try? tail.integer(Int64.self), let sum = try? tail.integer(UInt32.self),
                sum == CRC32C.of(Array(one[..<56]))
            else {
                damaged += 1
                continue
            }
            found[execution] = Entry(hash: Array(one[16..<48]), until: until)
        }
        return (found, damaged)
    }
}

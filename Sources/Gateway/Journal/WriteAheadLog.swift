import Glibc
import Spool

/// Looks whether SQLite's write-ahead log lost commits that had reached the disk: SQLite takes what is whole from its beginning
/// and is silent about the rest (sqlite.org/fileformat2.html, section 4).
///
/// What a power failure leaves is a last commit that is not whole: that one was never said to be on the disk. A commit behind
/// one that does not hold was begun only once that had been synced, so there something was damaged since.
struct WriteAheadLog {
    enum Verdict: Hashable, Sendable {
        /// Nothing that was synced is missing, as far as can be told.
        case whole
        /// From this byte on commits are lost.
        case damaged(at: Int)
    }

    private static let headerSize = 32
    private static let frameHeaderSize = 24

    /// A file that is not there is whole.
    static func judge(_ path: String) throws(SystemError) -> Verdict {
        guard access(path, F_OK) == 0 else { return .whole }
        let file = try File(path)
        return try judge(size: try file.size()) { offset, count throws(SystemError) in
            try file.bytes(at: offset, count: count)
        }
    }

    static func judge(
        size: Int, _ read: (Int, Int) throws(SystemError) -> [UInt8]
    ) throws(SystemError) -> Verdict {
        guard size >= headerSize else { return .whole }
        let header = try read(0, headerSize)
        // Made, and not yet written.
        guard header.contains(where: { $0 != 0 }) else { return .whole }
        let hasFrames = size > headerSize + frameHeaderSize
        let magic = big(header, 0)
        var sums = Sums(isBig: magic & 1 == 1)
        sums.add(header[0..<24])
        let pageSize = Int(big(header, 8))
        guard magic & ~1 == 0x377F_0682, (512...65_536).contains(pageSize), sums.hold(header, at: 24) else {
            return hasFrames ? .damaged(at: 0) : .whole
        }
        let salts = header[16..<24]
        var offset = headerSize
        var bad: Int?
        var isCommitBehindBad = false
        while offset + frameHeaderSize + pageSize <= size {
            let frame = try read(offset, frameHeaderSize + pageSize)
            let isOurs = frame[8..<16].elementsEqual(salts)
            if bad == nil {
                var next = sums
                next.add(frame[0..<8])
                next.add(frame[frameHeaderSize...])
                if isOurs, next.hold(frame, at: 16) {
                    sums = next
                    offset += frameHeaderSize + pageSize
                    continue
                }
                bad = offset
            }
            if isOurs, isCommitBehindBad { return .damaged(at: bad ?? offset) }
            // The frame that does not hold may itself have been the last of its commit.
            if isOurs ? big(frame, 4) != 0 : offset == bad && Self.mayBeOurs(frame, salts) { isCommitBehindBad = true }
            offset += frameHeaderSize + pageSize
        }
        return .whole
    }

    /// Whether the salts are another generation's, or ours with a bit or two that are others.
    private static func mayBeOurs(_ frame: [UInt8], _ salts: ArraySlice<UInt8>) -> Bool {
        zip(frame[8..<16], salts).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount } <= 2
    }

    private static func big(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The two running sums.
    private struct Sums {
        let isBig: Bool
        var one: UInt32 = 0
        var other: UInt32 = 0

        init(isBig: Bool) { self.isBig = isBig }

        mutating func add(_ bytes: ArraySlice<UInt8>) {
            bytes.withUnsafeBytes { bytes in
                var offset = 0
                while offset + 8 <= bytes.count {
                    one = one &+ word(bytes, offset) &+ other
                    other = other &+ word(bytes, offset + 4) &+ one
                    offset += 8
                }
            }
        }

        func hold(_ bytes: [UInt8], at offset: Int) -> Bool {
            WriteAheadLog.big(bytes, offset) == one && WriteAheadLog.big(bytes, offset + 4) == other
        }

        private func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
            let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            return isBig ? UInt32(bigEndian: word) : UInt32(littleEndian: word)
        }
    }
}

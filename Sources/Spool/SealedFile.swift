import Glibc

/// A small file with a checksum over what it holds, put in place whole or not at all (docs/protocol.md §6).
///
/// `ESTISEA1`, length u32, CRC-32C u32 of the length's bytes and the content, content. What was written before there were seals
/// has none and is read as it is.
package enum SealedFile {
    package enum Problem: Error, Equatable, CustomStringConvertible {
        case system(SystemError)
        /// What is there is not what was written.
        case damaged(path: String)

        package var description: String {
            switch self {
            case .system(let error): "\(error)"
            case .damaged(let path): "\(path) is damaged: its checksum does not fit"
            }
        }

        package var isMissing: Bool {
            if case .system(let error) = self { error.isMissing } else { false }
        }
    }

    static let magic = Array("ESTISEA1".utf8)
    static let headerSize = 16
    /// With fewer other bits than this the beginning is that of a seal, damaged.
    private static let strangeBits = 16

    package static func bytes(_ content: [UInt8]) -> [UInt8] {
        let length = littleEndian(UInt32(content.count))
        return magic + length + littleEndian(checksum(length, content[...])) + content
    }

    /// What a file held; nil for one that is damaged.
    package static func content(_ bytes: [UInt8]) -> [UInt8]? {
        guard isSealed(bytes) else { return bytes }
        guard bytes.count >= headerSize, bytes.starts(with: magic) else { return nil }
        let (length, content) = (Array(bytes[8..<12]), bytes[headerSize...])
        let told: UInt32 = integer(bytes[8..<12])
        let sum: UInt32 = integer(bytes[12..<16])
        guard Int(told) == content.count, sum == checksum(length, content) else { return nil }
        return Array(content)
    }

    /// Is on the disk when this returns.
    package static func replace(_ path: String, with content: [UInt8]) throws(SystemError) {
        try File.replace(path, with: bytes(content))
    }

    package static func contents(_ path: String, limit: Int = 4 << 20) throws(Problem) -> [UInt8] {
        let bytes: [UInt8]
        do throws(SystemError) { bytes = try File.contents(path, limit: limit + headerSize) } catch {
            throw .system(error)
        }
        guard let content = content(bytes) else { throw .damaged(path: path) }
        return content
    }

    private static func isSealed(_ bytes: [UInt8]) -> Bool {
        // Cut within the magic: a seal as well.
        let compared = min(bytes.count, magic.count)
        guard compared > 0 else { return false }
        let others = zip(bytes, magic).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount }
        return others < strangeBits * compared / magic.count
    }

    private static func checksum(_ length: [UInt8], _ content: ArraySlice<UInt8>) -> UInt32 {
        var crc = CRC32C()
        crc.update(length)
        content.withUnsafeBytes { crc.update($0) }
        return crc.value
    }
}

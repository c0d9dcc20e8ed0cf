import Spool

/// Reads the members of a tar archive one after another: ustar, with the longer paths and sizes of pax (POSIX.1-2001) and of
/// GNU tar.
struct TarReader {
    private static let block = 512
    /// What a path or a pax header may take.
    private static let longestHeader = 1 << 20

    private var offset = 0

    /// The next member; nil at the end, which an archive has to have.
    mutating func next(in archive: borrowing File) throws(PlacementFailure) -> TarEntry? {
        var long = Extension()
        while true {
            let start = offset
            let header = try bytes(archive, at: start, count: Self.block)
            if header.allSatisfy({ $0 == 0 }) { return nil }
            try Self.checkSum(header)
            let size = try long.size.or { () throws(PlacementFailure) in try Self.number(header[124..<136]) }
            offset = start + Self.block
            let kind = header[156]
            switch kind {
            case UInt8(ascii: "x"): long.take(pax: try content(archive, size))
            case UInt8(ascii: "g"): _ = try content(archive, size)
            case UInt8(ascii: "L"): long.path = try Self.text(try content(archive, size)[...])
            case UInt8(ascii: "K"): long.link = try Self.text(try content(archive, size)[...])
            default: return try entry(header, kind, size, long)
            }
        }
    }

    private mutating func entry(
        _ header: [UInt8], _ kind: UInt8, _ size: Int, _ long: Extension
    ) throws(PlacementFailure) -> TarEntry {
        var path = try long.path.or { () throws(PlacementFailure) in try Self.text(header[0..<100]) }
        let isUstar = header[257..<262].elementsEqual("ustar".utf8)
        // GNU's own format has other fields where ustar has the prefix.
        if long.path == nil, isUstar, header[262] == 0 {
            let prefix = try Self.text(header[345..<500])
            if !prefix.isEmpty { path = "\(prefix)/\(path)" }
        }
        let link = try long.link.or { () throws(PlacementFailure) in try Self.text(header[157..<257]) }
        let mode = try UInt32(clamping: Self.number(header[100..<108]))
        var entry = TarEntry(path: path, kind: .other, mode: mode, offset: offset, size: 0)
        switch kind {
        case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
            // Before ustar a folder was a file whose name ends in a slash.
            entry.kind = path.hasSuffix("/") ? .folder : .file
            entry.size = size
            offset += Self.padded(size)
        case UInt8(ascii: "1"): entry.kind = .hardLink(to: link)
        case UInt8(ascii: "2"): entry.kind = .symbolicLink(to: link)
        case UInt8(ascii: "5"): entry.kind = .folder
        default: break
        }
        return entry
    }

    /// What stands behind a header that only adds to the next one.
    private mutating func content(_ archive: borrowing File, _ size: Int) throws(PlacementFailure) -> [UInt8] {
        guard size <= Self.longestHeader else { throw Self.bad("a header is too long") }
        let content = try bytes(archive, at: offset, count: size)
        offset += Self.padded(size)
        return content
    }

    private func bytes(_ archive: borrowing File, at offset: Int, count: Int) throws(PlacementFailure) -> [UInt8] {
        do throws(SystemError) {
            let bytes = try archive.bytes(at: offset, count: count)
            guard bytes.count == count else { throw SystemError("read", errno: 0) }
            return bytes
        } catch {
            throw error.errno == 0 ? Self.bad("it ends in the middle") : PlacementFailure(error, "the archive")
        }
    }

    private static func padded(_ size: Int) -> Int { (size + block - 1) / block * block }

    /// The sum of the header's bytes, its own field taken as blanks.
    private static func checkSum(_ header: [UInt8]) throws(PlacementFailure) {
        let blanks = 8 * Int(UInt8(ascii: " "))
        let sum = header.reduce(0) { $0 + Int($1) } - header[148..<156].reduce(0) { $0 + Int($1) } + blanks
        guard try number(header[148..<156]) == sum else { throw bad("a header's checksum is wrong") }
    }

    /// Octal digits, or with the first bit set a big-endian number.
    private static func number(_ field: ArraySlice<UInt8>) throws(PlacementFailure) -> Int {
        guard let first = field.first else { return 0 }
        if first & 0x80 != 0 {
            let value = field.dropFirst().reduce(UInt64(first & 0x3F)) { $0 << 8 | UInt64($1) }
            guard first & 0x40 == 0, value < 1 << 60, field.dropLast(8).dropFirst().allSatisfy({ $0 == 0 }) else {
                throw bad("a number is too large")
            }
            return Int(value)
        }
        let digits = field.prefix { $0 != 0 }.filter { $0 != UInt8(ascii: " ") }
        if digits.isEmpty { return 0 }
        guard let value = Int(String(decoding: digits, as: UTF8.self), radix: 8), value >= 0, value < 1 << 60 else {
            throw bad("a number cannot be read")
        }
        return value
    }

    private static func text(_ field: ArraySlice<UInt8>) throws(PlacementFailure) -> String {
        guard let text = String(validating: field.prefix { $0 != 0 }, as: UTF8.self) else {
            throw bad("a name is not UTF-8")
        }
        return text
    }

    static func bad(_ why: String) -> PlacementFailure {
        PlacementFailure(.badArchive, "The archive cannot be unpacked: \(why).")
    }

    /// What other headers say of the member that follows them.
    private struct Extension {
        var path: String?
        var link: String?
        var size: Int?

        /// Records `LENGTH KEY=VALUE\n`.
        mutating func take(pax: [UInt8]) {
            var rest = pax[...]
            while let space = rest.firstIndex(of: UInt8(ascii: " ")),
                let length = Int(String(decoding: rest[..<space], as: UTF8.self)), length > 0, length <= rest.count
            {
                let record = rest[(space + 1)..<max(space + 1, rest.startIndex + length - 1)]
                rest = rest.dropFirst(length)
                guard let equals = record.firstIndex(of: UInt8(ascii: "=")) else { continue }
                let value = String(decoding: record[(equals + 1)...], as: UTF8.self)
                switch String(decoding: record[..<equals], as: UTF8.self) {
                case "path": path = value
                case "linkpath": link = value
                case "size": size = Int(value).flatMap { $0 < 0 || $0 >= 1 << 60 ? nil : $0 }
                default: break
                }
            }
        }
    }
}

extension Optional {
    /// As `??`, with a typed throw.
    fileprivate func or(_ other: () throws(PlacementFailure) -> Wrapped) throws(PlacementFailure) -> Wrapped {
        if let self { self } else { try other() }
    }
}

/// An archive of a folder as a plan of its bytes: ustar with pax headers (POSIX.1-2001). Decides only; no file is read.
///
/// The same members give the same bytes: nothing of users or groups is in them. A file of 1 MiB or more begins at a multiple
/// of 1 MiB, so that its chunks stay the same when something before it changes.
struct TarLayout {
    private static let block = 512
    /// The size of a blob's chunks.
    private static let chunk = 1 << 20
    private static let mostOctal = 0o77777777777

    private var parts: [UploadSource.Part] = []
    private var end = 0

    static func parts(of members: [TreeMember]) -> [UploadSource.Part] {
        var layout = TarLayout()
        for member in members { layout.append(member) }
        layout.append(.fill(0), count: 2 * block)
        return layout.parts
    }

    private mutating func append(_ member: TreeMember) {
        var records: [UInt8] = []
        if member.path.utf8.count > 100 { records += Self.record("path", Array(member.path.utf8)) }
        var size = 0
        var link = ""
        switch member.kind {
        case .folder: break
        case .file(let bytes): size = bytes
        case .link(let target): link = target
        }
        if link.utf8.count > 100 { records += Self.record("linkpath", Array(link.utf8)) }
        if size > Self.mostOctal { records += Self.record("size", Array("\(size)".utf8)) }
        if size >= Self.chunk {
            align(after: Self.block + (records.isEmpty ? 0 : Self.block + Self.padded(records.count)))
        }
        if !records.isEmpty { extend(by: records) }
        append(.bytes(Self.header(member.path, member, size: min(size, Self.mostOctal), link: link)), count: Self.block)
        guard size > 0 else { return }
        append(.file(member.source), count: size)
        append(.fill(0), count: Self.padded(size) - size)
    }

    /// Puts a comment in the way, so that what comes after so many bytes of headers begins at a chunk.
    private mutating func align(after headers: Int) {
        var rest = (Self.chunk - (end + headers) % Self.chunk) % Self.chunk
        if rest == 0 { return }
        // A header and at least one block behind it.
        if rest == Self.block { rest += Self.chunk }
        let count = rest - Self.block
        let start = Array("\(count) comment=".utf8)
        append(.bytes(Self.extensionHeader(count)), count: Self.block)
        append(.bytes(start), count: start.count)
        append(.fill(UInt8(ascii: " ")), count: count - start.count - 1)
        append(.bytes([0x0A]), count: 1)
    }

    private mutating func extend(by records: [UInt8]) {
        append(.bytes(Self.extensionHeader(records.count)), count: Self.block)
        append(.bytes(records), count: records.count)
        append(.fill(0), count: Self.padded(records.count) - records.count)
    }

    private mutating func append(_ content: UploadSource.Content, count: Int) {
        guard count > 0 else { return }
        parts.append(UploadSource.Part(offset: end, length: count, content: content))
        end += count
    }

    private static func padded(_ count: Int) -> Int { (count + block - 1) / block * block }

    /// `LENGTH KEY=VALUE\n`, the length counting itself.
    private static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let rest = Array(" \(key)=".utf8) + value + [0x0A]
        var length = rest.count + 1
        while "\(length)".utf8.count + rest.count != length { length = "\(length)".utf8.count + rest.count }
        return Array("\(length)".utf8) + rest
    }

    private static func extensionHeader(_ size: Int) -> [UInt8] {
        let member = TreeMember(path: "pax", source: "", kind: .file(size: size), mode: 0o644, modified: 0)
        return header("pax", member, size: size, link: "", kind: "x")
    }

    private static func header(
        _ path: String, _ member: TreeMember, size: Int, link: String, kind: Character? = nil
    ) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: block)
        func put(_ bytes: some Sequence<UInt8>, at offset: Int, most: Int) {
            for (index, byte) in bytes.prefix(most).enumerated() { header[offset + index] = byte }
        }
        func put(octal number: Int, at offset: Int, digits: Int) {
            let text = String(number, radix: 8)
            put(String(repeating: "0", count: max(0, digits - text.count)).utf8, at: offset, most: digits)
            put(text.utf8, at: offset + max(0, digits - text.count), most: digits)
        }
        put(path.utf8, at: 0, most: 100)
        put(octal: Int(member.mode), at: 100, digits: 7)
        put(octal: 0, at: 108, digits: 7)
        put(octal: 0, at: 116, digits: 7)
        put(octal: size, at: 124, digits: 11)
        put(octal: min(member.modified, mostOctal), at: 136, digits: 11)
        put((kind ?? Self.kind(member.kind)).utf8, at: 156, most: 1)
        put(link.utf8, at: 157, most: 100)
        put("ustar\0".utf8, at: 257, most: 6)
        put("00".utf8, at: 263, most: 2)
        put(octal: header.reduce(8 * 0x20) { $0 + Int($1) }, at: 148, digits: 6)
        put([0, 0x20], at: 154, most: 2)
        return header
    }

    private static func kind(_ kind: TreeMember.Kind) -> Character {
        switch kind {
        case .file: "0"
        case .folder: "5"
        case .link: "2"
        }
    }
}

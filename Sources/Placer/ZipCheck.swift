import Spool

/// Whether a file is a whole ZIP archive (PKWARE APPNOTE 6.3), without unpacking it: the directory at its end is whole and
/// agrees with what lies before it, no name leads out, and what is required is in it.
struct ZipCheck {
    /// Entries there must be; one that ends in `/` is the beginning of at least one name.
    let required: [String]

    private static let largestDirectory = 64 << 20
    /// The end record with the longest comment.
    private static let longestEnd = 22 + 0xFFFF

    private enum Problem: Error {
        /// In words that go on after the file's name.
        case wrong(String)
        case system(SystemError)
    }

    /// Where the directory lies; `base` is the offset in the file of the archive's own beginning.
    private struct Directory {
        var entries: UInt64
        var start: Int
        var size: Int
        var base: Int
    }

    /// In words that go on after the file's name; nil where all is well.
    func problem(of file: borrowing File) throws(SystemError) -> String? {
        do throws(Problem) {
            let directory = try directory(of: file)
            try check(directory, of: file)
            return nil
        } catch {
            switch error {
            case .wrong(let words): return words
            case .system(let error): throw error
            }
        }
    }

    // MARK: The end

    private func directory(of file: borrowing File) throws(Problem) -> Directory {
        let size = try size(of: file)
        let tail = try bytes(of: file, at: max(0, size - Self.longestEnd), count: min(size, Self.longestEnd))
        guard let place = endRecord(in: tail) else {
            throw .wrong("is not a whole ZIP archive: its end is missing (was it cut off?)")
        }
        let record = ZipFields(tail[place...])
        var end = size - tail.count + place
        var entries = UInt64(record.u16(10))
        var (length, start) = (UInt64(record.u32(12)), UInt64(record.u32(16)))
        guard record.u16(4) == 0, record.u16(6) == 0 else { throw .wrong("is one part of a ZIP archive in several") }
        if entries == 0xFFFF || length == 0xFFFF_FFFF || start == 0xFFFF_FFFF, place >= 20 {
            let locator = ZipFields(tail[(place - 20)...])
            if locator.u32(0) == 0x0706_4B50 {
                end = Int(clamping: locator.u64(8))
                let large = ZipFields(try bytes(of: file, at: end, count: 56)[...])
                guard large.u32(0) == 0x0606_4B50 else {
                    throw .wrong("is not a whole ZIP archive: its end is damaged")
                }
                (entries, length, start) = (large.u64(32), large.u64(40), large.u64(48))
            }
        }
        guard length <= UInt64(end), start <= UInt64(end) - length else {
            throw .wrong("is not a whole ZIP archive: it ends before its own directory (was it cut off?)")
        }
        guard length <= UInt64(Self.largestDirectory) else { throw .wrong("holds too many files") }
        let place64 = end - Int(length)
        return Directory(entries: entries, start: place64, size: Int(length), base: place64 - Int(start))
    }

    /// Its comment ends where the file ends.
    private func endRecord(in tail: [UInt8]) -> Int? {
        guard tail.count >= 22 else { return nil }
        return (0...tail.count - 22).reversed().first { place in
            let record = ZipFields(tail[place...])
            return record.u32(0) == 0x0605_4B50 && place + 22 + Int(record.u16(20)) == tail.count
        }
    }

    // MARK: The directory

    private func check(_ directory: Directory, of file: borrowing File) throws(Problem) {
        let bytes = try bytes(of: file, at: directory.start, count: directory.size)
        var missing = required.map { Array($0.utf8) }
        var (place, count) = (0, UInt64(0))
        while place < bytes.count {
            guard let entry = ZipEntry(bytes[place...]) else { throw damaged(count) }
            guard entry.staysInside else { throw .wrong("holds a file whose name leads out of it: \(entry.shownName)") }
            try check(entry, directory, of: file)
            missing.removeAll {
                $0.last == UInt8(ascii: "/") ? entry.name.starts(with: $0) : entry.name.elementsEqual($0)
            }
            place += entry.size
            count += 1
        }
        guard count == directory.entries else { throw damaged(count) }
        guard let first = missing.first else { return }
        throw .wrong("holds no \(String(decoding: first, as: UTF8.self))")
    }

    /// What stands before the entry's own bytes says the same, and they end before the directory begins.
    private func check(_ entry: ZipEntry, _ directory: Directory, of file: borrowing File) throws(Problem) {
        guard entry.offset <= UInt64(directory.start - directory.base) else { throw spoilt(entry) }
        let place = directory.base + Int(entry.offset)
        let local = ZipFields(try bytes(of: file, at: place, count: 30 + entry.name.count)[...])
        guard local.u32(0) == 0x0403_4B50, Int(local.u16(26)) == entry.name.count,
            local.bytes(30, entry.name.count).elementsEqual(entry.name)
        else { throw spoilt(entry) }
        let data = place + 30 + entry.name.count + Int(local.u16(28))
        guard data <= directory.start, entry.packedSize <= UInt64(directory.start - data) else { throw spoilt(entry) }
    }

    private func damaged(_ count: UInt64) -> Problem {
        .wrong("is not a whole ZIP archive: its directory is damaged after \(count) files")
    }

    private func spoilt(_ entry: ZipEntry) -> Problem {
        .wrong("is not a whole ZIP archive: \(entry.shownName) in it is damaged")
    }

    private func size(of file: borrowing File) throws(Problem) -> Int {
        do throws(SystemError) { return try file.size() } catch { throw .system(error) }
    }

    private func bytes(of file: borrowing File, at offset: Int, count: Int) throws(Problem) -> [UInt8] {
        do throws(SystemError) { return try file.bytes(at: offset, count: count) } catch { throw .system(error) }
    }
}

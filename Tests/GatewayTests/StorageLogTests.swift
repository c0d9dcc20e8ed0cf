import Foundation
import Spool
import Testing

/// Log and index, cut and with flipped bits: a reader is given what was written, or is told that something is missing.
@Suite struct StorageLogTests {
    private let folder = Folder()
    private let header = LogHeader(log: 7, execution: Array(0..<16), createdNanoseconds: 1)
    private var path: String { folder.path("a.log") }
    private var indexPath: String { LogIndex.path(ofLog: path) }

    /// 12 entries of two runs, one of them a gap.
    private func make() throws -> (log: Data, index: Data) {
        let writer = try LogWriter(creating: path, header)
        for number in 0..<11 {
            let records =
                Record.bytes(.stdout, Array("out \(number)\n".utf8), timeNanoseconds: 3)
                + Record.bytes(.stderr, Array("err \(number)\n".utf8), timeNanoseconds: 4)
            records.withUnsafeBytes { writer.append(run: UInt32(number % 2), records: $0, timeNanoseconds: 9) }
        }
        writer.appendGap(run: 0, to: writer.position(of: 0) + 100, timeNanoseconds: 9)
        try writer.flush()
        return (try Data(contentsOf: URL(fileURLWithPath: path)), try Data(contentsOf: URL(fileURLWithPath: indexPath)))
    }

    private func put(_ data: Data, at path: String) throws { try data.write(to: URL(fileURLWithPath: path)) }

    /// What a reader of the whole log gets: every entry, gaps in place of what does not hold. Nil where it is refused.
    private func entries() throws -> [(LogEntry, [UInt8])]? {
        guard let reader = try? LogReader(path: path) else { return nil }
        var (found, offset): ([(LogEntry, [UInt8])], UInt64) = ([], LogReader.start)
        while true {
            guard let piece = try? reader.read(from: offset, upTo: 1 << 16) else { return nil }
            if piece.isEmpty { return found }
            found += split(piece)
            offset = piece.next
        }
    }

    private func split(_ piece: LogReader.Piece) -> [(LogEntry, [UInt8])] {
        var (found, rest): ([(LogEntry, [UInt8])], [UInt8]) = ([], piece.bytes)
        while let entry = rest.withUnsafeBytes({ LogEntry($0) }) {
            found.append((entry, Array(rest[LogEntry.headerSize..<entry.size])))
            rest.removeFirst(entry.size)
        }
        return found
    }

    @Test func `one bit of 1,000 is another: what is read was written, or is a gap or a refusal`() throws {
        let whole = try make()
        let written = try #require(try entries())
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<1000 {
            let place = Int.random(in: 0..<whole.log.count, using: &generator)
            var log = whole.log
            log[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            try put(log, at: path)
            // In the header of the file some bits say nothing, and others that this is no log.
            guard let found = try entries() else {
                #expect(place < LogHeader.size, "byte \(place)")
                continue
            }
            #expect(found.count == written.count, "byte \(place)")
            let others = zip(found, written).filter { $0.0.0 != $0.1.0 || $0.0.1 != $0.1.1 }
            #expect(others.count == (place < LogHeader.size ? 0 : 1), "byte \(place)")
            for (read, wanted) in others {
                #expect(read.0.kind == .gap && read.0.run == wanted.0.run, "byte \(place)")
                #expect(read.0.from == wanted.0.from && read.0.to == wanted.0.to, "byte \(place)")
            }
        }
    }

    @Test func `who was given a gap for a damaged entry goes on behind it`() throws {
        let whole = try make()
        let reader = try LogReader(path: path)
        let first = try reader.read(from: 0, upTo: 1)
        var log = whole.log
        log[Int(first.next) + LogEntry.headerSize + 25] ^= 1
        try put(log, at: path)
        let damaged = try LogReader(path: path)
        let gap = try damaged.read(from: first.next, upTo: 1 << 16)
        #expect(gap.isDamaged && gap.bytes.count == LogEntry.headerSize && gap.offset == first.next)
        #expect(damaged.resumed(at: gap.offset + UInt64(LogEntry.headerSize)) == gap.next)
        #expect(damaged.resumed(at: gap.next) == gap.next && damaged.resumed(at: first.next) == first.next)
        var cursor = LogReader.Cursor(run: 1, position: 0)
        let own = try damaged.read(&cursor, upTo: 1 << 16)
        #expect(own.isDamaged && split(own).map(\.0.kind) == [.gap])
        #expect(try !damaged.read(&cursor, upTo: 1 << 16).isDamaged)
    }

    @Test func `one bit of 1,000 in the index is another: its item is made anew from the log`() throws {
        let whole = try make()
        let items = try LogItems(try LogReader(path: path))
        let written = try items.items(from: 0, limit: 100)
        #expect(written.count == 12)
        for _ in 0..<1000 {
            let place = Int.random(in: 0..<whole.index.count)
            var index = whole.index
            index[place] ^= 1 << UInt8.random(in: 0..<8)
            try put(index, at: indexPath)
            let found = try LogItems(try LogReader(path: path))
            #expect(try found.items(from: 0, limit: 100) == written, "byte \(place)")
            #expect(try found.items(from: 5, limit: 2) == Array(written[5..<7]), "byte \(place)")
        }
    }

    @Test func `an index cut at any byte is a prefix, and one of the first format is made anew`() throws {
        let whole = try make()
        let written = try LogItems(try LogReader(path: path)).items(from: 0, limit: 100)
        for cut in 16...whole.index.count {
            try put(whole.index.prefix(cut), at: indexPath)
            let found = try LogItems(try LogReader(path: path)).items(from: 0, limit: 100)
            #expect(found == Array(written.prefix((cut - 16) / LogIndex.Item.size)))
        }
        var old = whole.index
        old[7] = UInt8(ascii: "1")
        for replaced in [old, whole.index.prefix(3), Data()] {
            try put(replaced, at: indexPath)
            #expect(try LogItems(try LogReader(path: path)).items(from: 0, limit: 100) == written)
            #expect(try Data(contentsOf: URL(fileURLWithPath: indexPath)) == whole.index)
        }
    }

    @Test func `a log with a flipped bit goes on with the prefix that holds, and its index agrees`() throws {
        let whole = try make()
        for _ in 0..<300 {
            let place = Int.random(in: LogHeader.size..<whole.log.count)
            var log = whole.log
            log[place] ^= 1 << UInt8.random(in: 0..<8)
            try put(log, at: path)
            try put(whole.index, at: indexPath)
            let end = Int(try LogWriter(continuing: path).end)
            #expect(end <= place)
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == whole.log.prefix(end))
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: indexPath)).elementsEqual(
                    whole.index.prefix(try Data(contentsOf: URL(fileURLWithPath: indexPath)).count)))
        }
    }

    @Test func `lines of a damaged record say so, and keep their number`() throws {
        let whole = try make()
        let item = try LogItems(try LogReader(path: path)).items(from: 3, limit: 1)[0]
        for place in Int(item.offset) + LogEntry.headerSize..<Int(item.next) {
            var log = whole.log
            log[place] ^= 4
            try put(log, at: path)
            let (entry, records) = try LogItems(try LogReader(path: path)).entry(item)
            #expect(entry.run == item.run)
            var lines: [Spool.Stream: Int] = [:]
            var text = ""
            for record in RecordCursor(records) {
                lines[record.stream, default: 0] += records[record.range].count { $0 == 10 }
                text += String(decoding: records[record.range], as: UTF8.self)
            }
            #expect(lines[.stdout, default: 0] == 1 && lines[.stderr, default: 0] == 1, "byte \(place)")
            #expect(text.contains("[damaged on the gateway's disk]"), "byte \(place)")
        }
    }

    @Test func `what is let go of is a gap at once and one at the end, and positions go on`() throws {
        let writer = try LogWriter(creating: path, header)
        let record = Record.bytes(.stdout, [10], timeNanoseconds: 3)
        record.withUnsafeBytes { writer.append(run: 0, records: $0, timeNanoseconds: 9) }
        writer.appendGap(run: 0, to: 50, timeNanoseconds: 9)
        writer.letGo(run: 0, to: 50)
        writer.letGo(run: 0, to: 700)
        writer.letGo(run: 0, to: 900)
        #expect(writer.position(of: 0) == 900 && writer.hasLetGo(of: 0) && !writer.hasLetGo(of: 1))
        writer.appendOutstandingGaps(timeNanoseconds: 9)
        writer.appendOutstandingGaps(timeNanoseconds: 9)
        try writer.flush()
        let found = try #require(try entries()).map(\.0)
        #expect(found.map(\.kind) == [.slice, .gap, .gap])
        #expect(found.map(\.to) == [21, 50, 900] && found.map(\.from) == [0, 21, 50])
    }
}

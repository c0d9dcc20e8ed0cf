import Foundation
import Spool
import Testing

/// The log at the owner, byte by byte and after every kind of cut.
@Suite struct CoreLogTests {
    private let folder = Folder()
    private let header = LogHeader(
        log: 0x0102_0304_0506_0708, execution: Array(0..<16), createdNanoseconds: 0x1112_1314_1516_1718)

    private func records(_ texts: String..., stream: Spool.Stream = .stdout) -> [UInt8] {
        texts.flatMap { Record.bytes(stream, Array($0.utf8), timeNanoseconds: 7) }
    }

    private func append(_ writer: LogWriter, run: UInt32, _ bytes: [UInt8]) {
        bytes.withUnsafeBytes { writer.append(run: run, records: $0, timeNanoseconds: 9) }
    }

    @Test func `the header of a log is these bytes`() {
        let hex = header.bytes.map { String(format: "%02x", $0) }.joined()
        #expect(
            hex == "455354494c4f4731" + "01000000" + "00000000" + "0807060504030201"
                + "000102030405060708090a0b0c0d0e0f"
                + "1817161514131211" + String(repeating: "00", count: 16))
        #expect(header.bytes.withUnsafeBytes { LogHeader($0) } == header)
    }

    @Test func `the header of an entry is these bytes`() throws {
        let entry = LogEntry(.slice, run: 3, from: 0x10, to: 0x30, timeNanoseconds: 0x99)
        let bytes = entry.header
        #expect(
            bytes[..<28].elementsEqual([
                1, 0, 0, 0, 3, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x30, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 0,
            ]))
        #expect(bytes[32...].elementsEqual([0x99, 0, 0, 0, 0, 0, 0, 0]))
        let checksum = CRC32C.of(Array(bytes[..<28] + bytes[32...]))
        #expect(bytes[28..<32].elementsEqual(withUnsafeBytes(of: checksum.littleEndian) { Array($0) }))
        #expect(bytes.withUnsafeBytes { LogEntry($0) } == entry)
        for place in bytes.indices {
            var wrong = bytes
            wrong[place] ^= 0x40
            #expect(wrong.withUnsafeBytes { LogEntry($0) } == nil)
        }
        let gap = LogEntry(.gap, run: 0, from: 5, to: 9, timeNanoseconds: 0)
        #expect(gap.length == 0 && gap.header[24..<28].elementsEqual([0, 0, 0, 0]))
        #expect(gap.header.withUnsafeBytes { LogEntry($0) } == gap)
    }

    @Test func `what is appended is read as it is, by whole entries`() throws {
        let path = folder.path("a.log")
        let writer = try LogWriter(creating: path, header)
        let slices = (0..<50).map { records("line \($0)\n", "more\n") }
        for slice in slices { append(writer, run: 1, slice) }
        try writer.flush()
        let reader = try LogReader(path: path)
        #expect(reader.log == header.log)
        var offset = LogReader.start
        var found: [[UInt8]] = []
        while true {
            let piece = try reader.read(from: offset, upTo: 300)
            if piece.isEmpty { break }
            var rest = piece.bytes[...]
            while !rest.isEmpty {
                let entry = try #require(Array(rest).withUnsafeBytes { LogEntry($0) })
                found.append(Array(rest.dropFirst(40).prefix(entry.length)))
                rest = rest.dropFirst(entry.size)
            }
            offset = piece.next
        }
        #expect(found == slices)
        #expect(try offset == reader.end())
        #expect(throws: LogReader.Problem.ahead(end: offset)) { try reader.read(from: offset + 1, upTo: 10) }
        #expect(throws: LogReader.Problem.damaged(offset: 65)) { try reader.read(from: 65, upTo: 4096) }
    }

    @Test func `who reads a new log of one run while its writer opens it finds its index`() throws {
        let path = folder.path("new.log")
        _ = try LogWriter(creating: path, header)
        let index = LogIndex.path(ofLog: path)
        let longAgo = Date(timeIntervalSince1970: 1000)
        try FileManager.default.setAttributes([.modificationDate: longAgo], ofItemAtPath: index)
        _ = try LogWriter(continuing: path)
        // Untouched, so there was no moment without it.
        #expect(try FileManager.default.attributesOfItem(atPath: index)[.modificationDate] as? Date == longAgo)
        var cursor = LogReader.Cursor(run: 0, position: 0)
        #expect(try LogReader(path: path).read(&cursor, upTo: 100).isEmpty)
        try Data("ESTI".utf8).write(to: URL(fileURLWithPath: index))
        _ = try LogWriter(continuing: path)
        #expect(try LogReader(path: path).read(&cursor, upTo: 100).isEmpty)
    }

    @Test func `an entry larger than the limit comes whole`() throws {
        let path = folder.path("b.log")
        let writer = try LogWriter(creating: path, header)
        append(writer, run: 0, records(String(repeating: "x", count: 60_000)))
        try writer.flush()
        let piece = try LogReader(path: path).read(from: 0, upTo: 100)
        #expect(piece.bytes.count == 60_060)
    }

    @Test func `one run is read by its positions, gaps included`() throws {
        let path = folder.path("c.log")
        let writer = try LogWriter(creating: path, header)
        for number in 0..<3000 {
            append(writer, run: UInt32(number % 3), records("run \(number % 3) number \(number)\n"))
        }
        let before = writer.position(of: 1)
        writer.appendGap(run: 1, to: before + 1000, timeNanoseconds: 1)
        append(writer, run: 1, records("after\n"))
        try writer.flush()
        let reader = try LogReader(path: path)
        var cursor = LogReader.Cursor(run: 1, position: 0)
        var bytes: [UInt8] = []
        while true {
            let piece = try reader.read(&cursor, upTo: 5000)
            if piece.isEmpty { break }
            bytes += piece.bytes
        }
        var entries: [LogEntry] = []
        while !bytes.isEmpty {
            let entry = try #require(bytes.withUnsafeBytes { LogEntry($0) })
            entries.append(entry)
            bytes.removeFirst(entry.size)
        }
        #expect(entries.count == 1002)
        #expect(entries.allSatisfy { $0.run == 1 })
        #expect(zip(entries, entries.dropFirst()).allSatisfy { $0.to == $1.from })
        #expect(entries.filter { $0.kind == .gap }.map(\.from) == [before])
        var late = LogReader.Cursor(run: 1, position: before + 1000)
        #expect(try reader.read(&late, upTo: 5000).bytes.count == 40 + 26)
        #expect(try reader.read(&late, upTo: 5000).isEmpty)
    }

    @Test func `a log cut anywhere is its longest prefix of whole entries, and its index agrees`() throws {
        let path = folder.path("d.log")
        let writer = try LogWriter(creating: path, header)
        var ends = [64]
        for number in 0..<6 {
            append(writer, run: UInt32(number % 2), records("entry \(number)\n"))
            try writer.flush()
            ends.append(Int(writer.end))
        }
        writer.appendGap(run: 0, to: 10_000, timeNanoseconds: 3)
        try writer.flush()
        ends.append(Int(writer.end))
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        let index = try Data(contentsOf: URL(fileURLWithPath: LogIndex.path(ofLog: path)))
        for cut in 64...whole.count {
            for indexCut in [0, 20, index.count / 2 + 3, index.count] {
                try whole.prefix(cut).write(to: URL(fileURLWithPath: path))
                try index.prefix(indexCut).write(to: URL(fileURLWithPath: LogIndex.path(ofLog: path)))
                let end = try #require(ends.last { $0 <= cut })
                let again = try LogWriter(continuing: path)
                #expect(Int(again.end) == end)
                let found = try Data(contentsOf: URL(fileURLWithPath: path))
                #expect(found == whole.prefix(end))
                let items = try #require(ends.firstIndex(of: end))
                let made = try Data(contentsOf: URL(fileURLWithPath: LogIndex.path(ofLog: path)))
                #expect(made == index.prefix(16 + 32 * items))
            }
        }
    }

    @Test func `a damaged entry ends the log, and the copy goes on from there`() throws {
        let path = folder.path("e.log")
        let writer = try LogWriter(creating: path, header)
        append(writer, run: 0, records("good\n"))
        let (end, position) = (64 + 40 + 25, writer.position(of: 0))
        append(writer, run: 0, records("bad\n"))
        try writer.flush()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[end + 40 + 22] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        let again = try LogWriter(continuing: path)
        #expect(Int(again.end) == end)
        #expect(again.position(of: 0) == position)
        append(again, run: 0, records("better\n"))
        try again.flush()
        #expect(try LogWriter(continuing: path).position(of: 0) == position + 27)
    }

    @Test func `the index counts the lines of each stream`() throws {
        let path = folder.path("f.log")
        let writer = try LogWriter(creating: path, header)
        append(writer, run: 5, records("a\nb\n", "c") + records("\n\n\n", stream: .stderr))
        try writer.flush()
        let index = try Data(contentsOf: URL(fileURLWithPath: LogIndex.path(ofLog: path)))
        #expect(index.prefix(16) == Data("ESTIIDX1".utf8) + Data([8, 7, 6, 5, 4, 3, 2, 1]))
        let expected: [UInt8] =
            [64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 68, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]
        #expect(index.dropFirst(16).elementsEqual(expected))
    }

    @Test func `what is no log is refused`() throws {
        let path = folder.path("g.log")
        try Data("hello".utf8).write(to: URL(fileURLWithPath: path))
        #expect(throws: LogReader.Problem.notALog) { try LogReader(path: path) }
        #expect(throws: LogReader.Problem.notALog) { try LogWriter(continuing: path) }
    }
}

/// A folder of its own for a test, removed after it.
final class Folder: Sendable {
    let root = NSTemporaryDirectory() + "estiba-" + UUID().uuidString

    init() { try? FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    func path(_ name: String) -> String { "\(root)/\(name)" }
}

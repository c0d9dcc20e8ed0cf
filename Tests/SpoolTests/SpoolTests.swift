import Foundation
import Spool
import Testing

/// A folder of its own, removed with the test.
final class Scratch {
    let path: String
    init() throws {
        path = "/tmp/estiba-test-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// The contents of a spool's records, per stream.
func streams(of bytes: [UInt8]) -> [Spool.Stream: [UInt8]] {
    var found: [Spool.Stream: [UInt8]] = [:]
    for record in RecordCursor(bytes) { found[record.stream, default: []] += bytes[record.range] }
    return found
}

/// All records from a position to the end.
func readAll(_ reader: SpoolReader, from: UInt64 = 0, limit: Int = 65_536) throws -> [UInt8] {
    var all: [UInt8] = []
    while true {
        let more = try reader.read(from: from + UInt64(all.count), upTo: limit)
        if more.isEmpty { return all }
        all += more
    }
}

struct RecordTests {
    @Test func `the checksum is CRC-32C`() {
        #expect(CRC32C.of(Array("123456789".utf8)) == 0xE306_9283)
        #expect(CRC32C.of([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.of([]) == 0)
        var pieces = CRC32C()
        for piece in ["1", "23456", "789"] { pieces.update(Array(piece.utf8)) }
        #expect(pieces.value == 0xE306_9283)
    }

    @Test func `a record has these bytes`() {
        let record = Record.bytes(.stderr, Array("hello\n".utf8), timeNanoseconds: 0x0123_4567_89AB_CDEF)
        #expect(hex(record) == "0200000006000000efcdab89674523013f61da3968656c6c6f0a")
    }

    @Test func `control records have these bytes`() {
        let ended = ControlRecord.streamEnded(.stdout).record(timeNanoseconds: 1)
        #expect(hex(ended) == "0001000001000000010000000000000039c3661e01")
        let finish = ControlRecord.Finish(state: 6, value: -2, stdoutBytes: 3, stderrBytes: 1 << 40)
        let finished = ControlRecord.finished(finish)
        #expect(hex(finished.content) == "06000000feffffff03000000000000000000000000010000")
        #expect(ControlRecord(flags: 2, content: finished.content) == finished)
        #expect(ControlRecord(flags: 2, content: finished.content.dropLast()) == nil)
        #expect(ControlRecord(flags: 9, content: []) == nil)
    }

    @Test func `a cursor stops at a cut and at damage, and says which`() {
        let one = Record.bytes(.stdout, [1, 2, 3], timeNanoseconds: 9)
        let two = Record.bytes(.stderr, [4], timeNanoseconds: 10)
        for cut in 1..<two.count {
            var cursor = RecordCursor(one + two.prefix(cut))
            #expect(cursor.next()?.stream == .stdout)
            #expect(cursor.next() == nil)
            #expect(cursor.stop == .cut)
            #expect(cursor.offset == one.count)
        }
        for index in two.indices where !(4..<8).contains(index) {
            var damaged = two
            damaged[index] ^= 0x40
            var cursor = RecordCursor(damaged)
            #expect(cursor.next() == nil)
            #expect(cursor.stop == .damaged, "byte \(index)")
        }
        #expect(Array(RecordCursor(one + two)).count == 2)
    }

    private func hex(_ bytes: [UInt8]) -> String { bytes.map { String(format: "%02x", $0) }.joined() }
}

struct SpoolTests {
    private let scratch: Scratch
    private var folder: String { scratch.path + "/spool" }

    init() throws { scratch = try Scratch() }

    @Test func `what is written is read, byte for byte, in whole records`() throws {
        var writer = try SpoolWriter(creating: folder)
        let all = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        try writer.append(.stdout, all, timeNanoseconds: 1)
        try writer.append(.stderr, [0, 10, 255], timeNanoseconds: 2)
        try writer.append(.streamEnded(.stdout), timeNanoseconds: 3)
        let reader = SpoolReader(folder)
        let bytes = try readAll(reader)
        #expect(UInt64(bytes.count) == writer.length)
        #expect(try reader.length() == writer.length)
        #expect(streams(of: bytes)[.stdout] == all)
        #expect(streams(of: bytes)[.stderr] == [0, 10, 255])
    }

    @Test func `a spool is as long as its whole records, also where damage follows them`() throws {
        var writer = try SpoolWriter(creating: folder)
        try writer.append(.stdout, [1, 2, 3], timeNanoseconds: 1)
        let length = writer.length
        // What a power cut may leave behind the last record that reached the disk.
        let segment = try #require(FileManager.default.contentsOfDirectory(atPath: folder).first)
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(folder)/\(segment)"))
        try handle.seekToEnd()
        try handle.write(contentsOf: [UInt8](repeating: 0xFF, count: 64))
        try handle.close()
        #expect(try SpoolReader(folder).length() == length)
    }

    @Test func `a reader that wants one byte gets one record, and at the end nothing until there is more`() throws {
        var writer = try SpoolWriter(creating: folder)
        let reader = SpoolReader(folder)
        #expect(try reader.read(from: 0).isEmpty)
        try writer.append(.stdout, Array("ab".utf8), timeNanoseconds: 1)
        try writer.append(.stdout, Array("cd".utf8), timeNanoseconds: 1)
        #expect(try reader.read(from: 0, upTo: 1).count == 22)
        #expect(try reader.read(from: 22, upTo: 1).count == 22)
        #expect(try reader.read(from: 44).isEmpty)
        try writer.append(.stdout, Array("ef".utf8), timeNanoseconds: 1)
        #expect(try reader.read(from: 44).count == 22)
    }

    @Test func `a record never spans two segments, and copied segments are unlinked`() throws {
        var writer = try SpoolWriter(creating: folder)
        let block = [UInt8](repeating: 65, count: RecordHeader.maximumLength)
        for _ in 0..<300 { try writer.append(.stdout, block, timeNanoseconds: 1) }
        let segments = try Segment.list(folder)
        #expect(segments.count == 3)
        #expect(segments[1] == UInt64(127 * (block.count + 20)))
        let reader = SpoolReader(folder)
        #expect(try readAll(reader).count == 300 * (block.count + 20))
        try writer.release(upTo: segments[1] + 1)
        #expect(try Segment.list(folder) == Array(segments[1...]))
        #expect(try reader.released() == segments[1])
        #expect(writer.released == segments[1])
        try writer.release(upTo: .max)
        #expect(try Segment.list(folder) == [segments[2]])
        #expect(throws: SpoolReader.Problem.released(segments[2])) { try SpoolReader(folder).read(from: 0) }
    }

    @Test func `a spool that is too long lets its oldest segment go`() throws {
        var writer = try SpoolWriter(creating: folder, limit: 16 << 20)
        let block = [UInt8](repeating: 65, count: RecordHeader.maximumLength)
        for _ in 0..<600 { try writer.append(.stdout, block, timeNanoseconds: 1) }
        #expect(writer.released > 0)
        #expect(writer.length - writer.released <= 16 << 20)
        #expect(writer.isFull == false)
        #expect(try readAll(SpoolReader(folder), from: writer.released).count == Int(writer.length - writer.released))
    }

    @Test func `who has read a segment to its end learns that what followed was let go of`() throws {
        var writer = try SpoolWriter(creating: folder, limit: 16 << 20)
        let block = [UInt8](repeating: 65, count: RecordHeader.maximumLength)
        for _ in 0..<130 { try writer.append(.stdout, block, timeNanoseconds: 1) }
        let reader = SpoolReader(folder)
        let second = try Segment.list(folder)[1]
        var position: UInt64 = 0
        while position < second { position += UInt64(try reader.read(from: position).count) }
        for _ in 0..<600 { try writer.append(.stdout, block, timeNanoseconds: 1) }
        #expect(writer.released > second)
        #expect(throws: SpoolReader.Problem.released(writer.released)) { try reader.read(from: second) }
    }

    @Test func `a lossless spool says that it is full until it is copied`() throws {
        var writer = try SpoolWriter(creating: folder, limit: 1000, overflow: .wait)
        try writer.append(.stdout, [UInt8](repeating: 1, count: 990), timeNanoseconds: 1)
        #expect(writer.isFull == true)
        try writer.release(upTo: writer.length)
        #expect(writer.isFull == false)
        #expect(writer.released == 0)
    }

    @Test func `a spool cut at any byte is recovered to its last whole record`() throws {
        var writer = try SpoolWriter(creating: folder)
        for text in ["a", "bc", "def", ""] { try writer.append(.stdout, Array(text.utf8), timeNanoseconds: 5) }
        let path = "\(folder)/\(Segment.name(of: 0))"
        let whole = try File.contents(path)
        let ends = [0, 21, 43, 66]
        for cut in 0...whole.count {
            try Data(whole.prefix(cut)).write(to: URL(fileURLWithPath: path))
            var recovered = try SpoolWriter(recovering: folder)
            let expected = try #require(ends.last { $0 <= cut })
            #expect(recovered.length == UInt64(expected))
            try recovered.append(.stderr, [9], timeNanoseconds: 6)
            let bytes = try readAll(SpoolReader(folder))
            #expect(bytes == Array(whole.prefix(expected)) + Record.bytes(.stderr, [9], timeNanoseconds: 6))
        }
    }

    @Test func `a flipped bit cuts the spool there, and later segments go`() throws {
        do {
            var writer = try SpoolWriter(creating: folder)
            let block = [UInt8](repeating: 65, count: RecordHeader.maximumLength)
            for _ in 0..<200 { try writer.append(.stdout, block, timeNanoseconds: 1) }
        }
        let path = "\(folder)/\(Segment.name(of: 0))"
        var bytes = try File.contents(path, limit: 16 << 20)
        bytes[3 * 65_556 + 1000] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let recovered = try SpoolWriter(recovering: folder)
        #expect(recovered.length == 3 * 65_556)
        #expect(try Segment.list(folder) == [0])
    }

    @Test func `a spool is begun once`() throws {
        _ = try SpoolWriter(creating: folder)
        #expect(throws: SystemError.self) { _ = try SpoolWriter(creating: folder) }
    }
}

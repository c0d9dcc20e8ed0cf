import Foundation
import Spool
import Testing

/// Small files with a checksum, and spools with flipped bits.
@Suite struct SealTests {
    private let content = Array("what was written, and nothing else".utf8)

    @Test func `a seal is these bytes`() {
        let bytes = SealedFile.bytes([1, 2, 3])
        #expect(bytes.starts(with: Array("ESTISEA1".utf8) + [3, 0, 0, 0]))
        #expect(
            bytes[12..<16].elementsEqual(
                withUnsafeBytes(of: CRC32C.of([3, 0, 0, 0, 1, 2, 3]).littleEndian) { Array($0) }))
        #expect(bytes[16...].elementsEqual([1, 2, 3]))
    }

    @Test func `every flipped bit and every cut of a sealed file is found`() {
        let bytes = SealedFile.bytes(content)
        #expect(SealedFile.content(bytes) == content)
        for place in bytes.indices {
            for bit in 0..<8 {
                var other = bytes
                other[place] ^= 1 << bit
                #expect(SealedFile.content(other) == nil, "byte \(place) bit \(bit)")
            }
        }
        for cut in 1..<bytes.count { #expect(SealedFile.content(Array(bytes.prefix(cut))) == nil, "cut at \(cut)") }
        #expect(SealedFile.content(bytes + [0]) == nil)
    }

    @Test(arguments: ["7\n", "\u{0A}\u{10}order", "{\"user\":1}", ""])
    func `what was written before there were seals is read as it is`(text: String) {
        #expect(SealedFile.content(Array(text.utf8)) == Array(text.utf8))
    }

    @Test func `a reader goes on behind damage at the next record that holds`() throws {
        let scratch = try Scratch()
        let folder = scratch.path + "/spool"
        var writer = try SpoolWriter(creating: folder)
        for number in 0..<20 { try writer.append(.stdout, Array("line \(number)\n".utf8), timeNanoseconds: 1) }
        let length = writer.length
        let path = "\(folder)/\(Segment.name(of: 0))"
        let whole = try File.contents(path)
        var starts: [Int] = []
        var cursor = RecordCursor(whole)
        var at = 0
        while cursor.next() != nil {
            starts.append(at)
            at = cursor.offset
        }
        for _ in 0..<1000 {
            let place = Int.random(in: 0..<whole.count)
            var bytes = whole
            bytes[place] ^= 1 << UInt8.random(in: 0..<8)
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            let reader = SpoolReader(folder)
            let damaged = try #require(starts.last { $0 <= place })
            let sound = try reader.soundPosition(after: UInt64(damaged))
            #expect(sound == starts.first { $0 > damaged }.map(UInt64.init) ?? length, "byte \(place)")
            #expect(try reader.extent() == length)
        }
    }
}

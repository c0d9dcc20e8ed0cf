import Messages
import Sodium
import Testing

struct HeaderTests {
    private let golden = "01110000000000000700000000000000000102030405060708090a0b0c0d0e0f"
    private let execution = ExecutionID(bytes: Array(0..<16))!

    @Test func `a header has these very bytes`() throws {
        let header = Header(.stop, execution, sequence: 7)
        #expect(Hex.encode(header.bytes) == golden)
        #expect(try Header(bytes: header.bytes) == header)
    }

    @Test(arguments: [
        (0, UInt8(2), Header.Malformed.version(2)), (1, 99, .verb(99)), (2, 1, .reserved), (7, 1, .reserved),
    ])
    func `a header with another byte is refused`(index: Int, byte: UInt8, error: Header.Malformed) throws {
        var bytes = Hex.decode(golden)!
        bytes[index] = byte
        #expect(throws: error) { try Header(bytes: bytes) }
    }

    @Test(arguments: [0, 1, 31, 33, 64])
    func `a header of another size is refused`(count: Int) {
        #expect(throws: Header.Malformed.size(count)) { try Header(bytes: [UInt8](repeating: 1, count: count)) }
    }

    @Test func `a slice header has these very bytes`() {
        let header = SliceHeader(
            length: 4, spool: 0x1122_3344_5566_7788, position: 4096, timeNanoseconds: 1_700_000_000_000_000_000,
            mac: [UInt8](repeating: 0xee, count: 32))
        let golden = "01000000040000008877665544332211001000000000000000002a36fe9c9717"
        #expect(Hex.encode(header.coveredBytes) == golden)
        #expect(header.bytes.count == SliceHeader.size)
        #expect(SliceHeader(bytes: header.bytes) == header)
        #expect(SliceHeader(bytes: Array(header.bytes.dropLast())) == nil)
    }

    @Test func `a slice that ends beyond the greatest position is none`() {
        let most = SliceHeader.greatestPosition
        let mac = [UInt8](repeating: 0, count: 32)
        for (position, isGood) in [(most - 100, true), (most - 99, false), (most, false), (UInt64.max - 3, false)] {
            let header = SliceHeader(length: 100, spool: 1, position: position, timeNanoseconds: 0, mac: mac)
            #expect((SliceHeader(bytes: header.bytes) != nil) == isGood)
        }
    }

    @Test func `decoders take any bytes without a crash`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...80)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            _ = try? Header(bytes: bytes)
            _ = SliceHeader(bytes: bytes)
            _ = Topic(bytes: bytes)
        }
    }
}

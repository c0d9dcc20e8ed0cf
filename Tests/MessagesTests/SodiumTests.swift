import Sodium
import Testing

struct SodiumTests {
    @Test func `BLAKE2b gives the value of RFC 7693, in pieces too`() {
        let hash = Blake2b.hash(Array("a".utf8), Array("bc".utf8), count: 64)
        #expect(Hex.encode(hash).hasPrefix("ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"))
    }

    @Test func `two secrets agree, and a point of low order is refused`() {
        let (a, b) = (Random.bytes(32), Random.bytes(32))
        let shared = KeyExchange.shared(secret: a, public: KeyExchange.publicKey(of: b))
        #expect(shared != nil && shared == KeyExchange.shared(secret: b, public: KeyExchange.publicKey(of: a)))
        #expect(KeyExchange.shared(secret: a, public: [UInt8](repeating: 0, count: 32)) == nil)
        #expect(KeyExchange.shared(secret: a, public: []) == nil)
    }

    @Test func `every flipped bit of a tag or its message is noticed`() {
        let key = Random.bytes(32)
        let message = Random.bytes(40)
        let tag = MAC.tag(message, key: key)
        #expect(MAC.isValid(tag, message, key: key))
        for bit in 0..<8 * tag.count { #expect(!MAC.isValid(tag.flipped(bit), message, key: key)) }
        for bit in 0..<8 * message.count { #expect(!MAC.isValid(tag, message.flipped(bit), key: key)) }
        #expect(!MAC.isValid(tag.dropLast(), message, key: key))
    }

    @Test func `base64url is strict`() {
        for count in 0..<70 {
            let bytes = Random.bytes(count)
            #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
        }
        #expect(Base64URL.encode([0xfb, 0xff]) == "-_8")
        for text in ["-_8=", "+/8", "-_9", "-", " -_8", "-_8\n", "-_é"] { #expect(Base64URL.decode(text) == nil) }
    }

    @Test func `hex reads both cases and nothing else`() {
        #expect(Hex.encode([0, 0xab, 0xff]) == "00abff")
        #expect(Hex.decode("00ABff") == [0, 0xab, 0xff])
        for text in ["0", "0g", " 00", "é"] { #expect(Hex.decode(text) == nil) }
    }
}

extension [UInt8] {
    fileprivate func flipped(_ bit: Int) -> [UInt8] {
        var copy = self
        copy[bit / 8] ^= 1 << UInt8(bit % 8)
        return copy
    }
}

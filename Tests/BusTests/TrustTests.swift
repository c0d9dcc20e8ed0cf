import Bus
import Messages
import Sodium
import Testing

/// The layouts and keys of docs/protocol.md §3-§5; the golden bytes were computed with Python's hashlib and hmac.
struct TrustTests {
    private let authority = KeyPair(secretKey: Array(0..<32))
    private let node = KeyPair(secretKey: Array(32..<64))
    private let name = NodeName("node1")!
    private let ticketBytes =
        "01020100e80300000068e5cf8b0100006052e6cf8b010000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        + "cd6fbfd1305556ca26b98077c7b1b0df79559c09f693fe0fc920f9f53fb0959f03616e61"
    private let orderTag = "5dae54eb47bc83db67cfcac97a75d4bced8cf47f85a902cc3547d7fa3d083e62"

    private var keys: NodeKeys {
        NodeKeys(
            authoritySecret: authority.secretKey, authorityPublic: authority.publicKey, nodePublic: node.publicKey)!
    }
    private var enrolment: UInt64 { NodeKeys.enrolment(of: node.publicKey) }
    private var ticket: Ticket {
        Ticket(
            uid: 1000, user: "ana", execution: ExecutionID(bytes: Array(0..<16))!, session: Array(0x10..<0x20),
            order: Array("order".utf8), issuedMilliseconds: 1_700_000_000_000)
    }

    @Test func `both sides compute the same keys, and these very ones`() {
        let atNode = NodeKeys(
            nodeSecret: node.secretKey, nodePublic: node.publicKey, authorityPublic: authority.publicKey)
        #expect(atNode == keys)
        #expect(Hex.encode(keys.ticket) == "2f13f8e135b5034530e16759c3c3fb20fc3131de81182182ff85d0735f778688")
        #expect(Hex.encode(keys.command) == "fdd29ec3c15599ff9bd45716a4b03101bd07b893f6c8a61f4435ab8e7f468024")
        #expect(Hex.encode(keys.report) == "e498ccb200e5cfc056774905903d94a7e6c50d61e948c17e727e5e5b2b5687ff")
        #expect(Hex.encode(keys.output) == "345c823d6443163358053cbd1ec2bb2f01a26bec696e730695578deb9932f521")
        #expect(enrolment == 0x7589_2d4a_b120_a4f6)
        #expect(Fingerprint.of(node.publicKey) == "f6a420b14a2d8975")
    }

    @Test func `a ticket and its tag have these very bytes`() {
        #expect(Hex.encode(ticket.bytes) == ticketBytes)
        #expect(Ticket(bytes: ticket.bytes) == ticket)
        let tag = Tags.order(ticket: ticket.bytes, node: name, enrolment: enrolment, keys: keys)
        #expect(Hex.encode(tag) == orderTag)
    }

    @Test func `every flipped bit of a delivery is refused`() {
        let bytes = ticket.bytes
        let tag = Tags.order(ticket: bytes, node: name, enrolment: enrolment, keys: keys)
        let order = Array("order".utf8)
        #expect(Ticket.open(bytes, tag: tag, order: order, node: name, enrolment: enrolment, keys: keys) == ticket)
        for bit in 0..<8 * bytes.count { #expect(open(bytes.flipped(bit), tag, order) == nil) }
        for bit in 0..<8 * tag.count { #expect(open(bytes, tag.flipped(bit), order) == nil) }
        for bit in 0..<8 * order.count { #expect(open(bytes, tag, order.flipped(bit)) == nil) }
        #expect(open(bytes, tag, order + [0]) == nil)
        #expect(
            Ticket.open(bytes, tag: tag, order: order, node: NodeName("node2")!, enrolment: enrolment, keys: keys)
                == nil)
        #expect(Ticket.open(bytes, tag: tag, order: order, node: name, enrolment: enrolment + 1, keys: keys) == nil)
    }

    @Test func `a ticket of any other length is refused`() {
        let bytes = ticket.bytes
        for count in 0..<bytes.count { #expect(Ticket(bytes: Array(bytes.prefix(count))) == nil) }
        #expect(Ticket(bytes: bytes + [0]) == nil)
    }

    @Test func `tags of commands and reports have these very bytes`() {
        let header = Header(.stop, ExecutionID(bytes: Array(0..<16))!, sequence: 7).bytes
        let body = Array("body".utf8)
        let command = Tags.command(header: header, node: name, body: body, keys: keys)
        let report = Tags.report(header: header, node: name, body: body, keys: keys)
        #expect(Hex.encode(command) == "4d37f0a7e0f73936cf837f83b0711dc7d402aa618762550539f4eda20cd74aca")
        #expect(Hex.encode(report) == "fff9e4e73efedcc329bab27dd1a6dd100b36b9e24bd3045562c881eedf8d2acc")
        #expect(Tags.isValidCommand(command, header: header, node: name, body: body, keys: keys))
        #expect(!Tags.isValidCommand(report, header: header, node: name, body: body, keys: keys))
        #expect(Tags.isValidReport(report, header: header, node: name, body: body, keys: keys))
        #expect(!Tags.isValidReport(report, header: header, node: name, body: body + [0], keys: keys))
        #expect(!Tags.isValidReport([], header: header, node: name, body: body, keys: keys))
    }

    @Test func `tags between gateways have these very bytes, and hold for one sender, receiver and body`() {
        let key = PeerKey(authoritySecret: Array(0..<32))
        let header = Header(.stopHandedOn, ExecutionID(bytes: Array(0..<16))!, sequence: 7).bytes
        let body = Array("body".utf8)
        let (g1, g2) = (Principal(.gateway, "g1"), Principal(.gateway, "g2"))
        let tag = Tags.peer(header: header, from: g1, to: g2, body: body, key: key)
        #expect(Hex.encode(tag) == "f5ff742e517143a2456e91c5c2c4e67b5a612b6a5be30a3e46cbfae63358ea32")
        #expect(Tags.isValidPeer(tag, header: header, from: g1, to: g2, body: body, key: key))
        #expect(!Tags.isValidPeer(tag, header: header, from: g2, to: g1, body: body, key: key))
        let other = PeerKey(authoritySecret: Array(1..<33))
        #expect(!Tags.isValidPeer(tag, header: header, from: g1, to: g2, body: body, key: other))
        for bit in 0..<8 * header.count {
            #expect(!Tags.isValidPeer(tag, header: header.flipped(bit), from: g1, to: g2, body: body, key: key))
        }
        for bit in 0..<8 * body.count {
            #expect(!Tags.isValidPeer(tag, header: header, from: g1, to: g2, body: body.flipped(bit), key: key))
        }
        #expect("\(key)" == "key of the gateways")
    }

    @Test func `an order says under its tag which gateway has taken it over`() {
        var adopted = WireAdopted()
        adopted.owner = "gateway:g2"
        adopted.term = 5
        let bytes = ticket.bytes
        let tag = Tags.order(ticket: bytes, node: name, enrolment: enrolment, adopted: adopted, keys: keys)
        func holds(_ said: WireAdopted?) -> Bool {
            Tags.isValidOrder(tag, ticket: bytes, node: name, enrolment: enrolment, adopted: said, keys: keys)
        }
        #expect(holds(adopted) && !holds(nil))
        var other = adopted
        other.term = 6
        #expect(!holds(other))
        other = adopted
        other.owner = "gateway:g3"
        #expect(!holds(other))
        #expect(tag != Tags.order(ticket: bytes, node: name, enrolment: enrolment, keys: keys))
    }

    @Test func `a slice's MAC has these very bytes and covers all of it`() {
        let topic = Topic.status(name).bytes
        let records = Array("abcd".utf8)
        var header = SliceHeader(
            length: 4, spool: 0x1122_3344_5566_7788, position: 4096, timeNanoseconds: 1_700_000_000_000_000_000)
        header.mac = SliceMAC.compute(topic: topic, header: header, records: records, keys: keys)
        #expect(Hex.encode(header.mac) == "e6160f5baa4c9fc8388688698a6d3db57731d31b5fa7408313dfbadc4939bc1a")
        #expect(SliceMAC.isValid(topic: topic, header: header, records: records, keys: keys))
        for bit in 0..<32 {
            #expect(!SliceMAC.isValid(topic: topic, header: header, records: records.flipped(bit), keys: keys))
        }
        var other = header
        other.position += 1
        #expect(!SliceMAC.isValid(topic: topic, header: other, records: records, keys: keys))
        #expect(!SliceMAC.isValid(topic: topic.dropLast() + [0], header: header, records: records, keys: keys))
    }

    @Test func `a login token has this very text, and every flipped bit is refused`() {
        let key = LoginToken.key(authoritySecret: authority.secretKey)
        #expect(Hex.encode(key) == "119d43e63919470f74b0853bf2a894270c96966f252284f6e9780ceab959b289")
        let token = LoginToken(
            uid: 1000, user: "ana", session: Array(0x10..<0x20), issuedMilliseconds: 1_700_000_000_000,
            authenticatedMilliseconds: 1_699_999_990_000)
        let text =
            "AQEBAOgDAAAAaOXPiwEAAPBA5c-LAQAAEBESExQVFhcYGRobHB0eHwNhbmGZ9_XTzVvWRWNrcQD1M2c5KRq7ZSMGF7YeKpOA5_3_9Q"
        #expect(token.seal(key: key) == text)
        #expect(LoginToken.open(text, key: key) == token)
        let sealed = Base64URL.decode(text)!
        for bit in 0..<8 * sealed.count {
            #expect(LoginToken.open(Base64URL.encode(sealed.flipped(bit)), key: key) == nil)
        }
        for index in text.indices {
            for letter in ["A", "B", "=", " ", "+"] where text[index] != Character(letter) {
                var other = text
                other.replaceSubrange(index...index, with: letter)
                #expect(LoginToken.open(other, key: key) == nil)
            }
        }
        for other in ["", "=", text + "=", text + "A", " " + text, String(text.dropLast())] {
            #expect(LoginToken.open(other, key: key) == nil)
        }
        #expect(LoginToken.open(text, key: authority.secretKey) == nil)
    }

    @Test func `a ticket is no login token, whatever key seals it`() {
        let key = LoginToken.key(authoritySecret: authority.secretKey)
        let sealed = ticket.bytes + MAC.tag(ticket.bytes, key: key)
        #expect(LoginToken.open(Base64URL.encode(sealed), key: key) == nil)
    }

    private func open(_ bytes: [UInt8], _ tag: [UInt8], _ order: [UInt8]) -> Ticket? {
        Ticket.open(bytes, tag: tag, order: order, node: name, enrolment: enrolment, keys: keys)
    }
}

extension [UInt8] {
    fileprivate func flipped(_ bit: Int) -> [UInt8] {
        var copy = self
        copy[bit / 8] ^= 1 << UInt8(bit % 8)
        return copy
    }
}

struct SecretsStayHiddenTests {
    @Test func `a key pair shows its fingerprint, and never its secret half, whatever prints it`() {
        struct Settings { let key: KeyPair }
        let pair = KeyPair.random()
        var dumped = ""
        dump(Settings(key: pair), to: &dumped)
        let list = pair.secretKey.map(String.init).joined(separator: ", ")
        for text in ["\(pair)", "\(Settings(key: pair))", String(reflecting: Settings(key: pair)), dumped] {
            #expect(!text.contains(list) && !text.contains("secretKey"))
        }
        #expect("\(pair)".contains(Fingerprint.of(pair.publicKey)))
    }
}

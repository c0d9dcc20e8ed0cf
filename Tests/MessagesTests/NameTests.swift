import Messages
import Testing

struct NameTests {
    @Test func `an execution id is 26 letters that sort as its bytes do`() throws {
        let id = try #require(ExecutionID(bytes: Array(0..<16)))
        #expect(id.description == "00041061050R3GG28A1C60T3GF")
        #expect(ExecutionID("00041061050R3GG28A1C60T3GF") == id)
        #expect(ExecutionID("ooo4io6lo5or3gg28a1c6ot3gf") == id)
        #expect(Array(id.bytes) == Array(0..<16))
        let many = (0..<1000).map { _ in ExecutionID.random() }
        #expect(many.sorted().map(\.description) == many.map(\.description).sorted())
        #expect(Set(many).count == many.count)
        #expect(many.allSatisfy { ExecutionID($0.description) == $0 })
    }

    @Test(arguments: ["", "0", "80000000000000000000000000", "0004106105OR3GG28A1C60T3G", "U0041061050R3GG28A1C60T3GF"])
    func `what is no execution id is refused`(text: String) {
        #expect(ExecutionID(text) == nil)
    }

    @Test(arguments: [
        ("node1", true), ("a.b_c-d", true), ("", false), (".a", false), ("-a", false), ("a b", false), ("a/b", false),
        ("ä", false), (String(repeating: "n", count: 64), true), (String(repeating: "n", count: 65), false),
    ])
    func `a node's name is of these letters`(name: String, isValid: Bool) {
        #expect((NodeName(name) != nil) == isValid)
    }

    @Test func `names sort as people count`() {
        let names = ["node10", "node2", "node1", "a", "node02", "node1a", "node"].compactMap(NodeName.init)
        #expect(names.sorted().map(\.description) == ["a", "node", "node1", "node1a", "node2", "node02", "node10"])
    }

    @Test func `a principal is a role and a name`() {
        #expect(Principal("node:web1")?.node == NodeName("web1"))
        #expect(Principal("gateway:g1")?.description == "gateway:g1")
        #expect(Principal("user:ana/laptop")?.role == .user)
        for text in ["", "node", "node:", "node:a b", "root:x", "node:-x", "gateway:a\u{7f}"] {
            #expect(Principal(text) == nil)
        }
    }

    @Test func `a topic reads as it was written`() throws {
        let node = try #require(NodeName("web1"))
        let execution = ExecutionID.random()
        let topics: [Topic] = [
            .output(user: "ana", execution, node), .event(user: "ü/ %", execution, node), .status(node),
            .presence(node),
        ]
        for topic in topics { #expect(Topic(bytes: topic.bytes) == topic) }
        #expect(Topic.output(user: "a/b", execution, node).description == "output/a%2Fb/\(execution)/web1/")
    }

    @Test(arguments: [
        "", "/", "output/", "status/web1", "status//", "status/web1/x/", "event/%41na/00041061050R3GG28A1C60T3GF/n/",
        "event/%2/00041061050R3GG28A1C60T3GF/n/", "presence/.x/", "other/x/",
    ])
    func `what is no topic is refused`(text: String) {
        #expect(Topic(bytes: Array(text.utf8)) == nil)
    }

    @Test func `integers read as they were written, and a short text is told`() {
        var writer = ByteWriter()
        writer.u8(1)
        writer.u16(0x0203)
        writer.u32(0x0405_0607)
        writer.u64(0x0809_0a0b_0c0d_0e0f)
        writer.short("ana")
        var reader = ByteReader(writer.bytes)
        #expect(reader.u8() == 1 && reader.u16() == 0x0203 && reader.u32() == 0x0405_0607)
        #expect(reader.u64() == 0x0809_0a0b_0c0d_0e0f && reader.short() == "ana" && !reader.isShort)
        #expect(reader.u16() == 0 && reader.isShort)
    }
}

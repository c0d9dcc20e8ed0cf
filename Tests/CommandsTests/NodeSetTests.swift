import Messages
import Testing

@testable import Commands

@Suite("Node sets")
struct NodeSetTests {
    private func names(_ text: String, registered: [String] = []) throws -> [String] {
        try NodeSet(text).names(registered: registered.compactMap { NodeName($0) }).map(\.description)
    }

    @Test(arguments: [
        ("node1", ["node1"]),
        ("node[1-3]", ["node1", "node2", "node3"]),
        ("node[1-3,7]", ["node1", "node2", "node3", "node7"]),
        ("web[08-11]", ["web08", "web09", "web10", "web11"]),
        ("a[1-9/4]", ["a1", "a5", "a9"]),
        ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
        ("web[1-2].example", ["web1.example", "web2.example"]),
        ("n1,n2,", ["n1", "n2"]),
        ("n2 n1 n2", ["n1", "n2"]),
        ("node[1-4]!node2", ["node1", "node3", "node4"]),
        ("node[1-4]&node[3-9]", ["node3", "node4"]),
        ("a,b!a,c", ["b", "c"]),
        ("n10,n9", ["n9", "n10"]),
    ])
    func `a set stands for its names, each once, in natural order`(_ text: String, _ wanted: [String]) throws {
        #expect(try names(text) == wanted)
    }

    @Test func `a star stands for the registered nodes`() throws {
        let registered = ["node1", "node2", "web1"]
        #expect(try NodeSet("*").asksForRegistered)
        #expect(try !NodeSet("node[1-9]").asksForRegistered)
        #expect(try names("*", registered: registered) == registered)
        #expect(try names("*!node2", registered: registered) == ["node1", "web1"])
        #expect(try names("node*", registered: registered) == ["node1", "node2"])
        #expect(try names("*&web?", registered: registered) == ["web1"])
    }

    @Test(arguments: [
        ("", NodeSetError.empty), (",,", .empty),
        ("node[1-3", .unbalanced("node[1-3")), ("node1]", .unbalanced("node1]")), ("a[[1]]", .unbalanced("a[[1]]")),
        ("node[3-1]", .badRange("3-1")), ("node[a-b]", .badRange("a-b")), ("node[]", .badRange("")),
        ("node[1-5/0]", .badRange("1-5/0")), ("n[1-2-3]", .badRange("1-2-3")),
        ("http://x", .badName("http://x")), ("n1:22", .badName("n1:22")), ("../n1", .badName("../n1")),
        ("-n", .badName("-n")), ("@rack3", .groupUnknown("@rack3")),
        ("n[1-999999999]", .tooMany(limit: 100_000)), ("a[1-1000]b[1-1000]", .tooMany(limit: 100_000)),
    ])
    func `what makes no sense is refused`(_ text: String, _ wanted: NodeSetError) {
        #expect(throws: wanted) { try NodeSet(text) }
    }

    @Test(arguments: [
        (["node1"], "node1"),
        (["node3", "node1", "node2"], "node[1-3]"),
        (["node1", "node3", "node4", "web07"], "node[1,3-4],web07"),
        (["web08", "web09", "web10", "web11"], "web[08-11]"),
        (["n8", "n9", "n10", "n11"], "n[8-11]"),
        (["n9", "n09", "n10"], "n[9,09-10]"),
        (["r1-n1", "r1-n2", "r2-n1"], "r1-n[1-2],r2-n1"),
        (["web1.dc", "web2.dc"], "web[1-2].dc"),
        (["a", "b"], "a,b"),
        ([], ""),
    ])
    func `names are folded, and unfold to the same`(_ given: [String], _ wanted: String) throws {
        let folded = NodeSet.fold(given.compactMap { NodeName($0) })
        #expect(folded == wanted)
        if !given.isEmpty { #expect(try Set(names(folded)) == Set(given)) }
    }
}

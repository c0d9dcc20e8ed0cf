import Messages
import SwiftProtobuf
import Testing

@testable import Gateway

struct CoreServicesTests {
    private func service(_ name: String, user: String = "ana", execution: ExecutionID = .random()) -> WireService {
        .with {
            $0.name = name
            $0.user = user
            $0.execution = .init(execution.bytes)
            $0.port = 80
        }
    }

    private func view(_ hello: WireHello) throws -> NodeView {
        let node = try #require(NodeName("n1"))
        var rosters = Rosters()
        _ = rosters.receive(.registered([node]))
        let presence = WirePresence.with {
            $0.node = "n1"
            $0.present = true
            $0.hello = hello
        }
        _ = rosters.receive(.presence(broker: 0, presence))
        return try #require(rosters.view(of: node))
    }

    @Test func `what a node says of itself is held to bounds`() throws {
        let view = try view(
            .with {
                $0.profiles = (0..<1000).map { number in
                    .with {
                        $0.name = "p\(number)"
                        $0.says = String(repeating: "x", count: 10_000)
                        $0.match = Array(repeating: "*", count: 1000)
                    }
                }
                $0.services =
                    ["", "a\nb", "\u{1B}[31m", "good"].map { service($0) } + [.with { $0.name = "no execution" }]
            })
        #expect(view.profiles?.count == 64)
        #expect(view.profiles?.allSatisfy { $0.says.count == 300 && $0.match.count == 16 } == true)
        #expect(view.services?.map(\.name) == ["good"])
        #expect(try self.view(WireHello()).services == nil)
    }

    @Test func `a user sees no names but their own`() throws {
        let view = try view(.with { $0.services = [service("one"), service("two", user: "bob")] })
        #expect(view.seen(by: "ana").services?.map(\.name) == ["one"])
        #expect(view.seen(by: "eve").services == nil)
    }

    @Test func `only what is announced can be removed, and only by its user`() async throws {
        let nodes = NodeTable()
        let node = try #require(NodeName("n1"))
        nodes.apply([.registered([node])])
        let hello = WireHello.with { $0.services = [service("one")] }
        let presence = WirePresence.with {
            $0.node = "n1"
            $0.present = true
            $0.hello = hello
        }
        nodes.apply([.presence(broker: 0, presence)])
        // The node itself, which answers by another word of itself.
        let services = Services(nodes: nodes) { sent in
            guard case .removeService(let asked, "one", "ana") = sent.first, asked == [node] else { return }
            nodes.apply([
                .presence(
                    broker: 0,
                    .with {
                        $0.node = "n1"
                        $0.present = true
                        $0.sequence = 1
                    })
            ])
        }
        for (name, user, places) in [("one", "eve", nil), ("two", "ana", nil), ("one", "ana", ["n2"])]
            as [(String, String, [String]?)]
        {
            await #expect(throws: Failure.self) { _ = try await services.remove(name, user: user, nodes: places) }
        }
        #expect(services.list(of: "ana").map(\.node) == ["n1"])
        #expect(try await services.remove("one", user: "ana", nodes: nil) == .init(removed: ["n1"], unreachable: []))
        #expect(services.list(of: "ana").isEmpty)
    }
}

import Foundation
import FoundationXML
import Logging
import Messages
import Placer
import Settings
import Supervisor
import SwiftProtobuf
import Testing

@testable import Worker

struct ProfileTests {
    private func profile(_ text: String) async throws -> Profile? {
        let scratch = try ScratchFolder()
        let path = scratch.path + "/p.yaml"
        try put(Array(text.utf8), at: path, mode: 0o644)
        return try Profile("p", try await Settings.file(path))
    }

    private func use(_ profile: Profile, _ file: String, uid: UInt32 = 1234) throws -> ProfileUse {
        ProfileUse(
            profile: profile, file: .with { $0.name = file },
            account: Account(name: "ana", uid: uid, gid: 7, groups: [7, 8], home: "/home/ana", shell: "/bin/sh"),
            home: "/home/ana", node: try #require(NodeName("n1")), portOffset: 10_000)
    }

    @Test func `a profile's file says all there is to say`() async throws {
        let found = try #require(
            try await profile(
                """
                says: puts it there
                match: ["*.war", "*.jar"]
                check: zip
                contains: ["WEB-INF/"]
                folder: apps
                port: 20000 + uid % 100
                within: 2m
                waitFor: http://127.0.0.1:{port}{context}/
                service: true
                before: |
                  echo one
                  echo two
                """))
        #expect(found.says == "puts it there")
        #expect(found.match == ["*.war", "*.jar"])
        #expect(found.check == .zip)
        #expect(found.contains == ["WEB-INF/"])
        #expect(found.before == "echo one\necho two")
        #expect(found.withinSeconds == 120)
        #expect(found.isService)
        #expect(found.hasAfter)
        #expect(found.port?.port(uid: 1234, offset: 0) == 20034)
    }

    @Test(arguments: [
        "folder: x", "says: x", "says: x\nfolder: x\ncheck: rar", "says: x\nfolder: x\nwithin: soon",
        "says: x\nfolder: ../x", "says: x\nfolder: x\nport: uid", "says: x\nfolder: x\nas: tomcat\nusers: [ana]",
        "says: x\nfolder: /x\nas: root\nusers: [ana]", "says: x\nfolder: x\nwaitFor: http://127.0.0.1:{port}/",
        "says: x\nfolder: x\nwaitFor: http://example.org/", "says: x\nfolder: x\ngroups: [no-such-group-here]",
    ])
    func `what makes no sense is refused`(_ text: String) async throws {
        await #expect(throws: (any Error).self) { _ = try await profile(text) }
    }

    @Test func `one that acts as another account is off until it names who may use it`() async throws {
        #expect(try await profile("says: x\nfolder: /srv\nas: tomcat") == nil)
        let found = try #require(try await profile("says: x\nfolder: /srv\nas: tomcat\nusers: [bob]"))
        #expect(try use(found, "a").refusal?.code == .notPermitted)
        var named = found
        named.groups = [8]
        #expect(try use(named, "a").refusal == nil)
    }

    @Test func `a file that others may write is left out, and the others of the folder are not`() async throws {
        let scratch = try ScratchFolder()
        try put(Array("says: x\nfolder: a\n".utf8), at: scratch.path + "/good.yaml", mode: 0o644)
        try put(Array("says: x\nfolder: a\n".utf8), at: scratch.path + "/loose.yaml", mode: 0o666)
        try put(Array("says: [\n".utf8), at: scratch.path + "/broken.yaml", mode: 0o644)
        let found = await Profiles.load([scratch.path, "/no/such/folder"], log: Logger(label: "test"))
        #expect(found.all.keys.sorted() == ["good"])
    }

    @Test(arguments: [
        ("shop.war", "/shop/"), ("ROOT.war", "/"), ("a#b.war", "/a/b/"), ("shop##7.war", "/shop/"),
        ("a b\"c.war", "/a%20b%22c/"), ("ü.war", "/%C3%BC/"),
    ])
    func `a servlet container's path follows from the name`(_ name: String, _ path: String) async throws {
        let found = Profile(
            name: "p", says: "", folder: "apps", waitFor: "http://127.0.0.1:{port}{context}/", port: PortRule("8080"))
        let use = try use(found, name)
        let launch = Launch(
            node: use.node, execution: .random(), account: use.account, home: use.home, placed: nil)
        #expect(
            use.steps(launch) == [
                .wait(
                    WebAddress(port: 18080, path: path), withinSeconds: 60, name: name,
                    shown: "http://n1:18080\(path)")
            ])
    }

    @Test func `a line is told where and what`() throws {
        let found = Profile(
            name: "p", says: "", match: ["*.sh"], folder: "~/apps", after: "true", port: PortRule("1000 + uid % 1000"))
        let use = try use(found, "x.tar.sh")
        #expect(use.refusal == nil)
        #expect(try self.use(found, "x.py").refusal?.code == .badName)
        let launch = Launch(
            node: use.node, execution: .random(), account: use.account, home: use.home, placed: nil)
        guard case .shell(_, let folder, let environment) = use.steps(launch).first else {
            Issue.record("no step")
            return
        }
        #expect(folder == "/home/ana")
        for wanted in [
            "HOME=/home/ana", "USER=ana", "ESTIBA_FOLDER=/home/ana/apps", "ESTIBA_FILE=x.tar.sh", "ESTIBA_STEM=x.tar",
            "ESTIBA_PORT=11234",
        ] { #expect(environment.contains(wanted)) }
        #expect(!environment.contains { $0.hasPrefix("LD_") })
    }

    @Test func `a port beyond the last is no port`() throws {
        #expect(PortRule("60000 + uid % 10000") == nil)
        #expect(PortRule("0") == nil)
        #expect(PortRule("60000")?.port(uid: 1, offset: 10_000) == nil)
    }
}

struct ServicesTests {
    private func entry(_ execution: ExecutionID, permanent: Bool = false, port: UInt32 = 0) -> Services.Entry {
        Services.Entry(execution: execution, sinceMilliseconds: 5, isPermanent: permanent, port: port)
    }

    private func key(_ name: String, _ user: String = "ana") -> Services.Key { Services.Key(user: user, name: name) }

    /// `#expect` takes no mutating call.
    private func changes(_ services: inout Services, _ change: (inout Services) -> Bool) -> Bool { change(&services) }

    @Test func `a name goes with its run, a permanent one stays until it is removed`() {
        var services = Services()
        let (one, two) = (ExecutionID.random(), ExecutionID.random())
        #expect(changes(&services) { $0.announce(key("a"), entry(one)) })
        #expect(changes(&services) { $0.announce(key("b"), entry(two, permanent: true)) })
        #expect(!changes(&services) { $0.announce(key("a"), entry(one)) })
        #expect(services.wire.map(\.name) == ["a", "b"])
        #expect(changes(&services) { $0.ended(one) })
        #expect(!changes(&services) { $0.ended(two) })
        #expect(services.wire.map(\.name) == ["b"])
        #expect(!changes(&services) { $0.remove(key("b", "bob")) })
        #expect(changes(&services) { $0.remove(key("b")) })
        #expect(services.wire.isEmpty)
    }

    @Test func `the newer run takes a name, and the older one's end does not end it`() {
        var services = Services()
        let (one, two) = (ExecutionID.random(), ExecutionID.random())
        _ = services.announce(key("a"), entry(one))
        #expect(changes(&services) { $0.announce(key("a"), entry(two, port: 80)) })
        #expect(!changes(&services) { $0.ended(one) })
        #expect(services.wire.map(\.port) == [80])
    }

    @Test func `a user and a node have so many`() throws {
        let node = try #require(NodeName("n1"))
        var services = Services()
        for number in 0..<32 { _ = services.announce(key("s\(number)"), entry(.random())) }
        // Many that begin at once are all let through before the first is announced.
        #expect(!changes(&services) { $0.announce(key("more"), entry(.random())) })
        #expect(services.refusal(key("more"), node: node)?.code == .tooMany)
        #expect(services.refusal(key("s3"), node: node) == nil)
        #expect(services.refusal(key("more", "bob"), node: node) == nil)
        for number in 0..<224 { _ = services.announce(key("s", "user\(number)"), entry(.random())) }
        #expect(services.refusal(key("more", "bob"), node: node)?.code == .tooMany)
        #expect(!changes(&services) { $0.announce(key("more", "bob"), entry(.random())) })
    }

    @Test(arguments: ["", "a\u{0}b", "a\nb", "\u{202E}x", " a", String(repeating: "x", count: 41)])
    func `a name that cannot be shown is refused`(_ name: String) throws {
        let node = try #require(NodeName("n1"))
        #expect(Services().refusal(key(name), node: node)?.code == .badName)
    }

    @Test func `permanent names are the same after a restart, others are not kept`() throws {
        var services = Services()
        _ = services.announce(key("ü & <x>"), entry(.random(), permanent: true, port: 8080))
        let kept = services
        _ = services.announce(key("b"), entry(.random()))
        #expect(try Services(services.bytes) == kept)
        for count in 0..<services.bytes.count {
            #expect(throws: (any Error).self) { try Services(Array(services.bytes.prefix(count))) }
        }
    }

    @Test func `what Avahi reads is XML whatever the name is`() throws {
        let folder = AvahiFolder(path: "/nowhere", node: try #require(NodeName("n1")))
        let key = key("</name>&\"'<x>")
        let text = folder.xml(key, entry(.random(), port: 80))
        #expect(text.contains("&lt;/name&gt;&amp;&quot;&apos;&lt;x&gt;</name>"))
        let parser = XMLParser(data: Data(text.utf8))
        #expect(parser.parse())
    }

    @Test func `the folder holds the names there are, and files of others stay`() throws {
        let scratch = try ScratchFolder()
        let folder = AvahiFolder(path: scratch.path, node: try #require(NodeName("n")))
        let other = AvahiFolder(path: scratch.path, node: try #require(NodeName("n-1")))
        try put([1], at: scratch.path + "/ssh.service", mode: 0o644)
        var services = Services()
        _ = services.announce(key("a"), entry(.random()))
        folder.write(services, log: Logger(label: "test"))
        other.write(services, log: Logger(label: "test"))
        let names = { try FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted() }
        let both = [folder.fileName(of: key("a")), other.fileName(of: key("a")), "ssh.service"].sorted()
        #expect(try names() == both)
        folder.write(Services(), log: Logger(label: "test"))
        #expect(try names() == both.filter { $0 != folder.fileName(of: key("a")) })
    }
}

import Foundation
import Glibc
import Spool
import Testing

@testable import Supervisor

struct StepTests {
    @Test func `steps are kept in the plan, and one without them is read as before`() throws {
        var plan = Plan(
            spool: 1, execution: "E", node: "n", account: .init(user: "u", uid: 1, gid: 1, groups: [1]),
            arguments: ["true"], folder: "/", environment: [])
        // The first version, without steps and without the checksum behind them.
        var before = Array(plan.bytes.dropLast(8))
        before[0] = 1
        #expect(try Plan(before) == plan)
        plan.steps = [
            .shell(line: "echo", folder: "/tmp", environment: ["A=b"]),
            .wait(WebAddress(port: 80, path: "/x"), withinSeconds: 3, name: "x.war", shown: "http://n/x"),
        ]
        plan.arguments = []
        #expect(try Plan(plan.bytes) == plan)
    }

    @Test(
        arguments: [
            ("http://127.0.0.1:80/x/?q=1", WebAddress(port: 80, path: "/x/?q=1")),
            ("http://localhost:8080", WebAddress(port: 8080, path: "/")),
            ("http://127.0.0.1/", nil), ("http://127.0.0.1:0/", nil), ("http://127.0.0.1:99999/", nil),
            ("http://10.0.0.1:80/", nil), ("http://127.0.0.1:80/a b", nil), ("http://127.0.0.1:80/\r\nX: y", nil),
        ] as [(String, WebAddress?)])
    func `an address is this machine's own`(_ text: String, _ wanted: WebAddress?) {
        #expect(WebAddress(text) == wanted)
    }

    @Test func `a status line is read, and nothing else`() {
        #expect(WebWait.status(Array("HTTP/1.1 200 OK\r\n".utf8)) == 200)
        #expect(WebWait.status(Array("HTTP/1.0 404".utf8)) == 404)
        #expect(WebWait.status(Array("SSH-2.0-OpenSSH_9".utf8)) == nil)
        #expect(WebWait.status(Array("HTTP/1.1 2".utf8)) == nil)
        #expect([200, 302, 401, 403].allSatisfy(WebWait.isThere))
        #expect(![404, 500, 503, 100].contains(where: WebWait.isThere))
    }

    @Test func `nothing that answers is said to be nothing`() throws {
        // A port that was free a moment ago.
        let port = try freePort()
        let wait = WebWait(address: WebAddress(port: port, path: "/"))
        #expect(wait.run(within: .zero) == .silent("Connection refused"))
    }

    @Test func `steps run in order as the command, and the first that fails is its end`() throws {
        let run = try TestRun(["/bin/sh", "-c", "echo command"])
        run.plan.steps = [
            .shell(line: "echo one; echo $A >&2", folder: "/", environment: ["A=b", "PATH=/usr/bin:/bin"]),
            .shell(line: "pwd", folder: "/usr", environment: ["PATH=/usr/bin:/bin"]),
        ]
        try run.start()
        #expect(try run.end().ending == .exited(code: 0))
        #expect(try run.text() == "one\n/usr\ncommand\n")
        #expect(try run.text(.stderr) == "b\n")

        let failing = try TestRun(["/bin/sh", "-c", "echo command"])
        failing.plan.steps = [.shell(line: "exit 9", folder: "/", environment: [])]
        try failing.start()
        #expect(try failing.end().ending == .exited(code: 9))
        #expect(try failing.text() == "")
    }

    private func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return try withUnsafeMutablePointer(to: &place) { place in
            try place.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
                try #require(bind(descriptor, place, size) == 0 && getsockname(descriptor, place, &size) == 0)
            }
            return UInt16(bigEndian: place.pointee.sin_port)
        }
    }
}

import Foundation
import Glibc
import Testing

@testable import Authenticator

struct DeskTests {
    private func question(_ user: String = "ana", _ password: String = "pw") throws -> Question {
        let line = try JSONSerialization.data(withJSONObject: ["user": user, "password": password])
        return try #require(Question(line: Array(line)))
    }

    @Test func `a success goes out at once, a refusal at the deadline of its arrival`() throws {
        var desk = Desk(deadlineMilliseconds: 2)
        let question = try question()
        _ = desk.receive(.came(1), at: 0)
        _ = desk.receive(.came(2), at: 10)
        #expect(desk.receive(.asked(1, question), at: 100) == [.judge(1, question)])
        #expect(desk.receive(.asked(1, question), at: 101) == [])
        #expect(desk.receive(.asked(2, question), at: 102) == [.judge(2, question)])
        #expect(desk.receive(.judged(1, .refused), at: 200) == [])
        #expect(
            desk.receive(.judged(2, .granted(user: "ana", uid: 7)), at: 201) == [
                .answer(2, .granted(user: "ana", uid: 7))
            ])
        #expect(desk.receive(.tick, at: 1_999_999) == [])
        #expect(desk.receive(.tick, at: 2_000_000) == [.answer(1, .refused)])
        #expect(desk.wake == nil)
    }

    @Test func `a judge who is late changes nothing`() throws {
        var desk = Desk(deadlineMilliseconds: 1)
        _ = desk.receive(.came(1), at: 0)
        _ = desk.receive(.asked(1, try question()), at: 0)
        #expect(desk.receive(.tick, at: 1_000_000) == [.answer(1, .refused)])
        #expect(desk.receive(.judged(1, .granted(user: "ana", uid: 7)), at: 1_000_001) == [])
    }

    @Test(arguments: [
        ("", "pw"), ("-x", "pw"), ("a\nb", "pw"), ("a\0b", "pw"), ("ana ", "pw"),
        (String(repeating: "a", count: 257), "pw"),
        ("ana", ""), ("ana", "p\0w"), ("ana", String(repeating: "p", count: 1025)),
    ])
    func `PAM never hears of what it might misread`(user: String, password: String) throws {
        var desk = Desk(deadlineMilliseconds: 1)
        _ = desk.receive(.came(1), at: 0)
        #expect(desk.receive(.asked(1, try question(user, password)), at: 0) == [])
        #expect(desk.receive(.tick, at: 1_000_000) == [.answer(1, .refused)])
    }

    @Test func `a line that is no question is refused like any other`() {
        #expect(Question(line: Array("nonsense".utf8)) == nil)
        var desk = Desk(deadlineMilliseconds: 1)
        _ = desk.receive(.came(1), at: 0)
        #expect(desk.receive(.asked(1, nil), at: 0) == [])
        #expect(desk.receive(.tick, at: 1_000_000) == [.answer(1, .refused)])
    }
}

@Suite(.serialized, .enabled(if: TestAccount.isPossible)) struct AuthenticatorTests {
    @Test func `the right password of a usable account, and nothing else, is let in`() async throws {
        let folder = try ScratchFolder()
        let lines = "auth required pam_unix.so\naccount required pam_unix.so\n"
        for name in ["estiba", "other"] { try put(Array(lines.utf8), at: "\(folder.path)/\(name)", mode: 0o644) }
        let settings = AuthenticatorSettings(
            socket: folder.path + "/socket", allowedUID: 0, pamService: "estiba", pamConfiguration: folder.path,
            deadlineMilliseconds: 600)
        let service = Task { try await Authenticator(settings).run() }
        try eventually { access(settings.socket, F_OK) == 0 }
        let good = try TestAccount(password: "pw")
        #expect(
            try ask(settings.socket, good.name, "pw") == "{\"ok\":true,\"user\":\"\(good.name)\",\"uid\":\(good.uid)}\n"
        )
        let expired = try TestAccount(password: "pw")
        try run("chage", "-E", "1", expired.name)
        let locked = try TestAccount(password: "pw")
        try run("passwd", "-l", locked.name)
        let closed = try TestAccount(password: "pw", shell: "/usr/sbin/nologin")
        let system = try TestAccount(password: "pw", system: true)
        let asked = [
            (good.name, "wrong"), (expired.name, "pw"), (locked.name, "pw"), (closed.name, "pw"), (system.name, "pw"),
            ("no-such-user", "pw"), ("root", "pw"),
        ]
        for (user, password) in asked {
            let begin = Date()
            #expect(try ask(settings.socket, user, password) == "{\"ok\":false}\n")
            #expect((0.6..<0.9).contains(Date().timeIntervalSince(begin)))
        }
        service.cancel()
        try await service.value
        #expect(access(settings.socket, F_OK) != 0)
    }

    private func ask(_ path: String, _ user: String, _ password: String) throws -> String {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(connected == 0)
        var line = try JSONSerialization.data(withJSONObject: ["user": user, "password": password, "address": "::1"])
        line.append(UInt8(ascii: "\n"))
        _ = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        var answer = [UInt8](repeating: 0, count: 1024)
        let count = read(descriptor, &answer, answer.count)
        return String(decoding: answer.prefix(max(count, 0)), as: UTF8.self)
    }
}

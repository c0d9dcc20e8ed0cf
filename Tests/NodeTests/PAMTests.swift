import Foundation
import Glibc
import PAM
import Testing

@Suite(.serialized, .enabled(if: TestAccount.isPossible)) struct PAMTests {
    private let folder: ScratchFolder
    private var service: PAM.Service { PAM.Service("estiba", folder: folder.path) }

    init() throws {
        folder = try ScratchFolder()
        let lines = "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_permit.so\n"
        for name in ["estiba", "other"] { try put(Array(lines.utf8), at: "\(folder.path)/\(name)", mode: 0o644) }
    }

    @Test func `a right password is right, and a wrong one takes no delay of PAM's`() throws {
        let account = try TestAccount(password: "s3cret ü")
        #expect(PAM.logIn(user: account.name, password: "s3cret ü", service: service))
        let begin = Date()
        #expect(!PAM.logIn(user: account.name, password: "wrong", service: service))
        #expect(Date().timeIntervalSince(begin) < 1)
        #expect(PAM.account(user: account.name, service: service) == .usable)
    }

    @Test func `an expired account, a locked one and none at all are told apart`() throws {
        let account = try TestAccount(password: "pw")
        try run("chage", "-E", "1", account.name)
        #expect(PAM.authenticate(user: account.name, password: "pw", service: service))
        #expect(!PAM.logIn(user: account.name, password: "pw", service: service))
        #expect(PAM.account(user: account.name, service: service) == .expired)
        try run("chage", "-E", "-1", account.name)
        try run("passwd", "-l", account.name)
        #expect(!PAM.logIn(user: account.name, password: "pw", service: service))
        #expect(PAM.account(user: account.name, service: service) == .locked)
        #expect(PAM.account(user: "no-such-user-here", service: service) == .unknown)
    }

    @Test func `an account that never had a password is no locked one`() throws {
        let account = try TestAccount()
        #expect(PAM.account(user: account.name, service: service) == .usable)
    }
}

import Foundation
import Glibc
import Spool
import Supervisor
import Testing

/// Runs as a real account, with a cgroup where the machine has version 2.
@Suite(.serialized, .enabled(if: TestAccount.isPossible)) struct UserRunTests {
    private let account: TestAccount

    init() throws { account = try TestAccount(extraGroup: true) }

    private func userRun(_ arguments: [String]) throws -> TestRun {
        let run = try TestRun(arguments)
        run.plan.account = Plan.Account(
            user: account.name, uid: account.uid, gid: account.gid, groups: account.groups)
        run.plan.folder = account.home
        return run
    }

    @Test func `the command is the user, with every group, and nothing of root`() throws {
        let run = try userRun(shell("id -u; id -g; id -G; grep -E '^(CapEff|CapPrm)' /proc/self/status; echo x > made"))
        #expect(try run.runToEnd().ending == .exited(code: 0))
        let lines = try run.text().split(separator: "\n").map(String.init)
        #expect(lines[0] == "\(account.uid)")
        #expect(lines[1] == "\(account.gid)")
        #expect(Set(lines[2].split(separator: " ").map(String.init)) == Set(account.groups.map(String.init)))
        #expect(account.groups.count == 2)
        #expect(lines[3...].allSatisfy { $0.hasSuffix("0000000000000000") })
        var made = stat()
        stat(account.home + "/made", &made)
        #expect(made.st_uid == account.uid)
    }

    @Test func `the supervisor keeps one capability and cannot be traced by the user`() throws {
        let run = try userRun(["sleep", "1000"])
        try run.start()
        let connection = try run.connect()
        _ = try connection.next { if case .started(let pid) = $0 { pid } else { nil } }
        let status = try String(contentsOfFile: "/proc/\(run.supervisor)/status", encoding: .utf8)
        for set in [
            "CapInh:\t0000000000000000", "CapPrm:\t0000000000000020", "CapEff:\t0000000000000020", "Uid:\t0\t0\t0\t0",
        ] {
            #expect(status.contains(set))
        }
        let bounding = try #require(status.firstMatch(of: /CapBnd:\t([0-9a-f]+)/))
        #expect(bounding.1 == "0000000000000020")
        var owner = stat()
        stat("/proc/\(run.supervisor)/mem", &owner)
        #expect(owner.st_uid == 0)
        try connection.send(.stop(graceMilliseconds: 1000))
        #expect(try run.end().remaining == 0)
    }

    @Test func `a folder that is not the user's is no folder for the command`() throws {
        let closed = try userRun(["true"])
        let folder = try ScratchFolder()
        chmod(folder.path, 0o700)
        closed.plan.folder = folder.path
        #expect(try closed.runToEnd().ending == .failed(.permission))
        try put(Array("#!/bin/sh\n".utf8), at: folder.path + "/mine", mode: 0o700)
        chmod(folder.path, 0o755)
        let foreign = try userRun([folder.path + "/mine"])
        #expect(try foreign.runToEnd().ending == .failed(.permission))
    }

    @Test func `all of a cgroup ends, whatever it did to get away, and the cgroup goes`() throws {
        let parent = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].first { access($0 + "/cgroup.procs", W_OK) == 0 }
        let top = try #require(parent)
        let run = try userRun(
            shell("setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' >/dev/null 2>&1 & echo up; sleep 1000"))
        let above = "\(top)/estiba-test-\(account.name)"
        run.plan.cgroup = above + "/run"
        defer { rmdir(above) }
        try run.start()
        let connection = try run.connect()
        try eventually { try run.text() == "up\n" }
        try eventually { Cgroup(run.plan.cgroup).processes().count >= 3 }
        try connection.send(.stop(graceMilliseconds: 200))
        let exit = try run.end()
        #expect(exit.ending == .stopped)
        #expect(exit.remaining == 0)
        try eventually { !run.folder.isAlive }
        #expect(access(run.plan.cgroup, F_OK) != 0)
    }

    @Test func `a PAM session sets limits, and is closed at the end`() throws {
        let pam = try ScratchFolder()
        try put(
            Array("\(account.name) soft nofile 77\n\(account.name) hard nofile 88\n".utf8), at: pam.path + "/limits",
            mode: 0o644)
        let closed = pam.path + "/closed"
        try put(
            Array("#!/bin/sh\n[ \"$PAM_TYPE\" = close_session ] && touch \(closed)\nexit 0\n".utf8),
            at: pam.path + "/hook", mode: 0o755)
        let lines = """
            auth required pam_permit.so
            account required pam_permit.so
            session required pam_limits.so conf=\(pam.path)/limits
            session required pam_exec.so \(pam.path)/hook

            """
        try put(Array(lines.utf8), at: pam.path + "/estiba", mode: 0o644)
        try put(Array(lines.utf8), at: pam.path + "/other", mode: 0o644)
        let run = try userRun(shell("ulimit -n; ulimit -Hn"))
        run.plan.session = Plan.Session(service: "estiba", configuration: pam.path)
        #expect(try run.runToEnd().ending == .exited(code: 0))
        #expect(try run.text() == "77\n88\n")
        try eventually { access(closed, F_OK) == 0 }
    }
}

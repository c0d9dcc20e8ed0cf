import Foundation
import Glibc
import Placer
import Spool
import Testing

@Suite(.serialized, .enabled(if: TestAccount.isPossible)) struct PlacerTests {
    private let bench: PlacerBench
    private let account: TestAccount
    private let scratch: ScratchFolder

    init() throws {
        bench = try PlacerBench()
        account = bench.account
        scratch = bench.scratch
    }

    private func place(
        _ text: String = "new", as name: String = "file", in folder: String = "", mode: UInt32 = 0o644,
        overwrites: Bool = false, creates: Bool = true, home: Placement.Home? = nil,
        patience: Duration = .seconds(30), meanwhile: (Int32) -> Void = { _ in }
    ) throws -> Placed? {
        let target = Placement.Target(
            folder: folder, name: name, mode: mode, overwrites: overwrites, createsFolder: creates, run: bench.newRun())
        return try bench.place(target, Array(text.utf8), home: home, patience: patience, meanwhile: meanwhile)
    }

    private func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    private func names(_ folder: String) throws -> [String] { try File.names(in: folder).sorted() }

    @Test func `a file is placed as the user's, with its mode but for the special bits`() throws {
        let placed = try place("hello", as: "a b\nü", in: "~/x/y", mode: 0o6751)
        #expect(placed == .done(folder: account.home + "/x/y"))
        var found = stat()
        stat(account.home + "/x/y/a b\nü", &found)
        #expect(found.st_uid == account.uid)
        #expect(found.st_gid == account.gid)
        #expect(found.st_mode & 0o7777 == 0o751)
        #expect(text(account.home + "/x/y/a b\nü") == "hello")
        #expect(try names(account.home + "/x/y") == ["a b\nü"])
    }

    @Test func `a file that is there stays unless it is to be overwritten`() throws {
        _ = try place("old")
        #expect(code(try place("new")) == .exists)
        #expect(text(account.home + "/file") == "old")
        #expect(try place("new", overwrites: true) == .done(folder: account.home))
        #expect(text(account.home + "/file") == "new")
        #expect(try names(account.home).filter { $0.contains("estiba") } == [])
    }

    @Test func `a link to another's file is replaced, never written through`() throws {
        let victim = scratch.path + "/victim"
        try put(Array("precious".utf8), at: victim, mode: 0o666)
        symlink(victim, account.home + "/file")
        #expect(code(try place()) == .exists)
        #expect(try place(overwrites: true) == .done(folder: account.home))
        #expect(text(victim) == "precious")
        link(victim, account.home + "/hard")
        #expect(try place(as: "hard", overwrites: true) == .done(folder: account.home))
        #expect(text(victim) == "precious")
    }

    @Test func `what is no file is refused at once`() throws {
        mkfifo(account.home + "/fifo", 0o666)
        mkdir(account.home + "/folder", 0o755)
        for name in ["fifo", "folder"] {
            #expect(code(try place(as: name, overwrites: true)) == .notAFile)
            #expect(code(try place(as: name)) == .notAFile)
        }
        #expect(code(try place(as: "null", in: "/dev", overwrites: true)) == .notAFile)
        mknod(account.home + "/socket", S_IFSOCK | 0o666, 0)
        mknod(account.home + "/device", S_IFBLK | 0o666, 0)
        #expect(code(try place(as: "device", overwrites: true)) == .notAFile)
        #expect(code(try place(as: "socket", overwrites: true)) == .notAFile)
    }

    @Test func `a folder that is missing is made only where that is wanted, and as the user`() throws {
        #expect(code(try place(in: "a/b", creates: false)) == .noSuchFolder)
        #expect(access(account.home + "/a", F_OK) != 0)
        #expect(code(try place(in: "/root/x")) == .permission)
        #expect(code(try place(in: "/usr")) == .permission)
        #expect(code(try place(in: "/etc/passwd/x")) == .noSuchFolder)
        #expect(try place(in: "a/b") == .done(folder: account.home + "/a/b"))
    }

    @Test func `links of the user and of root are followed, others' are not`() throws {
        mkdir(account.home + "/real", 0o755)
        chown(account.home + "/real", account.uid, account.gid)
        symlink("real/../real", account.home + "/mine")
        lchown(account.home + "/mine", account.uid, account.gid)
        #expect(try place(in: "mine") == .done(folder: account.home + "/mine"))
        #expect(text(account.home + "/real/file") == "new")
        symlink(account.home + "/real", scratch.path + "/roots")
        #expect(try place(as: "second", in: scratch.path + "/roots") == .done(folder: scratch.path + "/roots"))
        symlink(account.home + "/real", scratch.path + "/others")
        lchown(scratch.path + "/others", 65_534, 65_534)
        #expect(code(try place(as: "third", in: scratch.path + "/others")) == .permission)
        #expect(try names(account.home + "/real") == ["file", "second"])
    }

    @Test(arguments: ["", ".", "..", "a/b", "a\0b", String(repeating: "x", count: 256)])
    func `a bad name is refused`(name: String) throws {
        #expect(code(try place(as: name)) == .badName)
    }

    @Test func `a name of 255 bytes is placed`() throws {
        #expect(try place(as: String(repeating: "x", count: 255)) == .done(folder: account.home))
    }

    @Test(arguments: ["..", "a/../b", "/tmp/..", "~root/x", "~bob", "a\0"])
    func `a folder that climbs, or is another's home, is refused`(folder: String) throws {
        #expect(code(try place(in: folder)) == .badName)
    }

    @Test func `a full disk leaves nothing behind`() throws {
        let disk = scratch.path + "/disk"
        mkdir(disk, 0o777)
        try run("mount", "-t", "tmpfs", "-o", "size=64k,mode=0777", "tmpfs", disk)
        defer { umount2(disk, 2) }
        #expect(code(try place(String(repeating: "x", count: 200_000), in: disk)) == .noSpace)
        #expect(try names(disk) == [])
        #expect(try place("small", in: disk) == .done(folder: disk))
    }

    @Test func `a missing home is refused, made from the skeleton, or made empty`() throws {
        let path = scratch.path + "/homes/one"
        #expect(code(try place(home: Placement.Home(path, missing: .refuse))) == .homeMissing)
        #expect(try place(home: Placement.Home(path, missing: .empty)) == .done(folder: path))
        var found = stat()
        stat(path, &found)
        #expect(found.st_uid == account.uid)
        #expect(found.st_mode & 0o777 == 0o700)
        let second = scratch.path + "/homes/two"
        #expect(try place(home: Placement.Home(second, missing: .skeleton)) == .done(folder: second))
        #expect(Set(try names(second)) == Set(try names("/etc/skel") + ["file"]))
        #expect(try names(scratch.path + "/homes") == ["one", "two"])
    }

    @Test(arguments: [
        "/proc/self/fd/3", "/proc/self/fd/4", "/proc/self/root/etc", "/proc/self/cwd", "/proc/1/root/tmp",
    ])
    func `a way through the placer's own descriptors leads nowhere that is not the user's`(folder: String) throws {
        let before = try names("/etc")
        let refusal = try #require(code(try place(as: "estiba-test-way", in: folder)))
        #expect([.permission, .noSuchFolder].contains(refusal))
        #expect(try names("/etc") == before)
    }

    @Test func `a placer that its user stops is given up`() throws {
        #expect(try place(patience: .milliseconds(300)) { kill($0, SIGSTOP) } == nil)
        #expect(try names(account.home).filter { $0.contains("estiba") } == [])
    }
}

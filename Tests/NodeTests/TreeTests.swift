import Foundation
import Glibc
import Placer
import Spool
import Testing

@Suite(.serialized, .enabled(if: TestAccount.isPossible)) struct TreeTests {
    private let bench: PlacerBench
    private let account: TestAccount

    init() throws {
        bench = try PlacerBench()
        account = bench.account
    }

    private func place(_ archive: [UInt8], overwrites: Bool = false) throws -> Placed? {
        try bench.place(bench.target("app", .tree, overwrites: overwrites), archive)
    }

    private func status(_ name: String) -> stat {
        var found = stat()
        lstat(account.home + "/app/" + name, &found)
        return found
    }

    @Test(arguments: ["ustar", "pax", "gnu"])
    func `what tar packs is unpacked as the user's, with its modes and links`(format: String) throws {
        let source = bench.scratch.path + "/source-folder"
        let deep = source + "/a/b with space/" + String(repeating: "d", count: 90)
        try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: true)
        try put(Array("run".utf8), at: source + "/start.sh", mode: 0o4755)
        try put(Array("deep".utf8), at: deep + "/ü\n", mode: 0o640)
        try put([], at: source + "/empty", mode: 0o600)
        symlink("start.sh", source + "/link")
        symlink("/nowhere/at/all", source + "/dangling")
        link(source + "/start.sh", source + "/hard")
        chmod(source + "/a", 0o2750)
        if format != "ustar" {
            let long = source + "/a/" + String(repeating: "n", count: 250)
            try put(Array("long".utf8), at: long, mode: 0o644)
            symlink(String(repeating: "t", count: 200), source + "/longlink")
        }
        let archive = bench.scratch.path + "/a.tar"
        try run("tar", "-cf", archive, "--format=\(format)", "-C", source, ".")
        #expect(try bench.place(bench.target("app", .tree), from: archive) == .done(folder: account.home))
        try run("diff", "-r", "--no-dereference", source, account.home + "/app")
        #expect(status("start.sh").st_mode & 0o7777 == 0o755 && status("a").st_mode & 0o7777 == 0o750)
        #expect(status("hard").st_ino == status("start.sh").st_ino)
        #expect(status("start.sh").st_uid == account.uid && status("link").st_gid == account.gid)
        #expect(try bench.hidden() == [])
    }

    @Test func `a folder is replaced as a whole, and stays unless it is to be overwritten`() throws {
        var old = TestArchive()
        old.add("one", "0", Array("old".utf8))
        old.add("closed", "5", mode: 0o555)
        old.add("closed/in", "0", Array("x".utf8), mode: 0o444)
        #expect(try place(old.whole) == .done(folder: account.home))
        var new = TestArchive()
        new.add("two", "0", Array("new".utf8))
        #expect(code(try place(new.whole)) == .exists)
        #expect(bench.text("app/one") == "old")
        #expect(try place(new.whole, overwrites: true) == .done(folder: account.home))
        #expect(try File.names(in: account.home + "/app") == ["two"] && bench.text("app/two") == "new")
        #expect(try bench.hidden() == [])
    }

    @Test func `a link in its place is replaced and not followed, and what is no folder refuses it`() throws {
        let victim = bench.scratch.path + "/victim"
        try FileManager.default.createDirectory(atPath: victim, withIntermediateDirectories: true)
        try put(Array("precious".utf8), at: victim + "/file", mode: 0o666)
        chmod(victim, 0o777)
        symlink(victim, account.home + "/app")
        var archive = TestArchive()
        archive.add("file", "0", Array("new".utf8))
        #expect(try place(archive.whole, overwrites: true) == .done(folder: account.home))
        #expect(try String(contentsOfFile: victim + "/file", encoding: .utf8) == "precious")
        #expect(bench.text("app/file") == "new")
        try put([1], at: account.home + "/plain", mode: 0o666)
        #expect(code(try bench.place(bench.target("plain", .tree, overwrites: true), archive.whole)) == .notAFile)
    }

    @Test func `members that lead out of the folder, or through a link in it, are refused and nothing is left`() throws
    {
        let outside = bench.scratch.path + "/outside"
        mkdir(outside, 0o777)
        chmod(outside, 0o777)
        let archives: [(inout TestArchive) -> Void] = [
            { $0.add("../x") }, { $0.add("a/../../x") }, { $0.add("/etc/x") }, { $0.add("\(outside)/x") },
            {
                $0.add("way", "2", link: outside)
                $0.add("way/x", "0", [1])
            },
            {
                $0.add("way", "2", link: "..")
                $0.add("way/x", "5")
            },
            { $0.add("x", "1", link: "/etc/passwd") }, { $0.add("x", "1", link: "../../etc/passwd") },
            {
                $0.add("way", "2", link: "/etc/passwd")
                $0.add("x", "1", link: "way")
            },
            { $0.add("x", "1", link: "not/there") },
            { $0.add("null", "3") }, { $0.add("disk", "4") }, { $0.add("fifo", "6") }, { $0.add("sparse", "S") },
            {
                $0.add("x", "0", [1])
                $0.add("x/y", "0", [1])
            },
            { $0.add(".", "0", [1]) },
        ]
        for (number, make) in archives.enumerated() {
            var archive = TestArchive()
            archive.add("first", "0", [1])
            make(&archive)
            #expect(code(try place(archive.whole)) == .badArchive, "archive \(number)")
            #expect(access(account.home + "/app", F_OK) != 0)
            #expect(try bench.hidden() == [])
        }
        #expect(try File.names(in: outside) == [])
    }

    @Test func `half an archive, a wrong sum and what is none are refused, wherever it ends`() throws {
        var archive = TestArchive()
        archive.add("folder", "5", mode: 0o755)
        archive.add("folder/file", "0", [UInt8](repeating: 7, count: 1500))
        archive.add("link", "2", link: "folder")
        for length in stride(from: 0, to: archive.bytes.count, by: 100) {
            #expect(code(try place(Array(archive.bytes.prefix(length)))) == .badArchive, "\(length) bytes")
        }
        #expect(code(try place(archive.bytes)) == .badArchive)
        var wrong = TestArchive()
        wrong.add("file", "0", [1], isSumRight: false)
        #expect(code(try place(wrong.whole)) == .badArchive)
        #expect(code(try place([UInt8](repeating: 65, count: 5000))) == .badArchive)
        var huge = TestArchive()
        huge.add("file", "0", [1], size: 1 << 32)
        #expect(code(try place(huge.whole)) == .badArchive)
        #expect(access(account.home + "/app", F_OK) != 0)
        #expect(try bench.hidden() == [])
        #expect(try place(archive.whole) == .done(folder: account.home))
    }

    @Test func `noise is never unpacked`() throws {
        var generator = SystemRandomNumberGenerator()
        var archive = TestArchive()
        archive.add("folder", "5", mode: 0o755)
        archive.add("folder/file", "0", [UInt8](repeating: 7, count: 600))
        archive.add("name", "x", Array("20 path=other/place\n".utf8))
        archive.add("short", "0", [1, 2, 3])
        for _ in 0..<40 {
            var bytes = archive.whole
            for _ in 0..<3 { bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^= UInt8.random(in: 1...255) }
            // Whatever it is taken for, an answer comes and nothing hidden is left.
            #expect(try place(bytes, overwrites: true) != nil)
            #expect(try bench.hidden() == [])
        }
    }

    @Test func `a full disk leaves nothing of a folder`() throws {
        let disk = bench.scratch.path + "/disk"
        mkdir(disk, 0o777)
        try run("mount", "-t", "tmpfs", "-o", "size=256k,mode=0777", "tmpfs", disk)
        defer { umount2(disk, 2) }
        var archive = TestArchive()
        for number in 0..<10 { archive.add("file\(number)", "0", [UInt8](repeating: 1, count: 100_000)) }
        var target = bench.target("app", .tree)
        target.folder = disk
        #expect(code(try bench.place(target, archive.whole)) == .noSpace)
        #expect(try File.names(in: disk) == [])
    }
}

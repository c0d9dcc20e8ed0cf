import Foundation
import Glibc
import Placer
import Spool
import Testing

@Suite(.serialized, .enabled(if: TestAccount.isPossible)) struct KeptTests {
    private let bench: PlacerBench
    private let account: TestAccount

    init() throws {
        bench = try PlacerBench()
        account = bench.account
    }

    /// Places with what was there kept; returns the run.
    private func keep(_ text: String, as name: String = "file") throws -> String {
        let target = bench.target(name, overwrites: true, keeps: true)
        #expect(try bench.place(target, Array(text.utf8)) == .done(folder: account.home))
        return target.run
    }

    private func restore(_ run: String, _ name: String = "file", keeps: Bool = false) throws -> Placed? {
        try bench.place(bench.target(name, .kept(run: run), overwrites: true, keeps: keeps))
    }

    private var done: Placed { .done(folder: account.home) }

    @Test func `what a file took the place of is put back, once`() throws {
        _ = try bench.place(bench.target("file"), Array("first".utf8))
        let second = try keep("second")
        let third = try keep("third")
        #expect(bench.text("file") == "third")
        #expect(try restore(third) == done)
        #expect(bench.text("file") == "second")
        #expect(code(try restore(third)) == .nothingKept)
        #expect(try restore(second) == done)
        #expect(bench.text("file") == "first")
        #expect(try bench.hidden() == [".estiba-previous"])
        #expect(try File.names(in: account.home + "/.estiba-previous") == [])
        var found = stat()
        stat(account.home + "/.estiba-previous", &found)
        #expect(found.st_mode & 0o7777 == 0o700 && found.st_uid == account.uid)
    }

    @Test func `where nothing was, what was placed goes, unless it has changed`() throws {
        let run = try keep("new")
        #expect(try restore(run) == done)
        #expect(bench.text("file") == nil)
        let again = try keep("new")
        try put(Array("edited".utf8), at: account.home + "/file", mode: 0o644)
        #expect(code(try restore(again)) == .nothingKept)
        #expect(bench.text("file") == "edited")
        #expect(code(try restore("OTHER.node1")) == .nothingKept)
        #expect(code(try restore(again, "other")) == .nothingKept)
    }

    @Test func `a rollback can itself be rolled back`() throws {
        _ = try bench.place(bench.target("file"), Array("first".utf8))
        let second = try keep("second")
        let target = bench.target("file", .kept(run: second), overwrites: true, keeps: true)
        #expect(try bench.place(target) == done && bench.text("file") == "first")
        #expect(try restore(target.run) == done && bench.text("file") == "second")
        let fresh = try keep("fresh", as: "new")
        let removal = bench.target("new", .kept(run: fresh), overwrites: true, keeps: true)
        #expect(try bench.place(removal) == done && bench.text("new") == nil)
        #expect(try restore(removal.run, "new") == done && bench.text("new") == "fresh")
    }

    @Test func `folders and links are kept as they are`() throws {
        var archive = TestArchive()
        archive.add("version", "0", Array("1".utf8))
        _ = try bench.place(bench.target("app", .tree), archive.whole)
        symlink("app", account.home + "/current")
        var second = TestArchive()
        second.add("version", "0", Array("2".utf8))
        let target = bench.target("app", .tree, overwrites: true, keeps: true)
        #expect(try bench.place(target, second.whole) == done && bench.text("app/version") == "2")
        let overLink = bench.target("current", .tree, overwrites: true, keeps: true)
        #expect(try bench.place(overLink, second.whole) == done)
        #expect(try restore(target.run, "app") == done && bench.text("app/version") == "1")
        #expect(try restore(overLink.run, "current") == done)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: account.home + "/current") == "app")
    }

    @Test func `the last three of a name are kept`() throws {
        let runs = try (0..<6).map { try keep("\($0)") }
        let other = try keep("x", as: "other")
        let kept = try File.names(in: account.home + "/.estiba-previous")
        #expect(Set(kept) == Set(runs.suffix(3) + [other]))
        #expect(try restore(runs[3]) == done && bench.text("file") == "2")
    }

    @Test func `a folder for what is kept that is another's, or a link, is not used`() throws {
        let trap = bench.scratch.path + "/trap"
        mkdir(trap, 0o777)
        chmod(trap, 0o777)
        symlink(trap, account.home + "/.estiba-previous")
        _ = try keep("one")
        let run = try keep("two")
        #expect(try File.names(in: trap) == [])
        #expect(try bench.hidden() == [".estiba-previous", ".estiba-previous-\(account.uid)"])
        #expect(try restore(run) == done && bench.text("file") == "one")
    }
}

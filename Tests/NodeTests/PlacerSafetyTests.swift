import Foundation
import Glibc
import Placer
import Spool
import Synchronization
import Testing

/// While others look, use the place, or fight for it.
@Suite(.serialized, .enabled(if: TestAccount.isPossible)) struct PlacerSafetyTests {
    private let bench: PlacerBench
    private let account: TestAccount

    init() throws {
        bench = try PlacerBench()
        account = bench.account
    }

    @Test func `nobody who watches the folder sees a file or folder being written`() throws {
        var archive = TestArchive()
        for number in 0..<50 { archive.add("sub/file\(number)", "0", [UInt8](repeating: 1, count: 1000)) }
        let watch = try FolderWatch(account.home)
        for keeps in [false, true] {
            for overwrites in [false, true] {
                let file = bench.target("file\(keeps)", overwrites: overwrites, keeps: keeps)
                #expect(try bench.place(file, [UInt8](repeating: 7, count: 3 << 20)) == .done(folder: account.home))
                let tree = bench.target("tree\(keeps)", .tree, overwrites: overwrites, keeps: keeps)
                #expect(try bench.place(tree, archive.whole) == .done(folder: account.home))
            }
        }
        let seen = watch.events().filter { $0.name.hasPrefix("file") || $0.name.hasPrefix("tree") }
        let appeared = UInt32(IN_CREATE) | UInt32(IN_MOVED_TO)
        #expect(seen.count { $0.mask & appeared != 0 } >= 8)
        #expect(seen.filter { $0.mask & (UInt32(IN_MODIFY) | UInt32(IN_CLOSE_WRITE)) != 0 }.isEmpty)
    }

    @Test func `a program that runs is replaced, and a reader finds the old or the new one only`() throws {
        let sleep = try [UInt8](Data(contentsOf: URL(filePath: "/usr/bin/sleep")))
        let versions = (UInt8(0)..<15).map { sleep + [UInt8](repeating: $0, count: 2 << 20) }
        func place(_ version: [UInt8]) throws {
            var target = bench.target("program", overwrites: true)
            target.mode = 0o755
            #expect(try bench.place(target, version) == .done(folder: account.home))
        }
        try place(versions[0])
        let path = account.home + "/program"
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = ["600"]
        try process.run()
        // Signals are blocked for what a test starts.
        defer { kill(process.processIdentifier, SIGKILL) }
        let reader = Reader(path, allowed: Set(versions))
        let thread = Thread { reader.run() }
        thread.start()
        for version in versions { try place(version) }
        let (reads, wrong) = reader.stop()
        #expect(reads > 0 && wrong == 0)
        #expect(process.isRunning)
    }

    @Test func `a user who flips folder and link meanwhile gets at nothing of root's`() throws {
        let victim = bench.scratch.path + "/victim"
        mkdir(victim, 0o755)
        try put(Array("precious".utf8), at: victim + "/file", mode: 0o644)
        var before = stat()
        stat(victim + "/file", &before)
        let flipper = Process()
        flipper.executableURL = URL(filePath: "/usr/bin/setpriv")
        flipper.arguments = [
            "--reuid", "\(account.uid)", "--regid", "\(account.gid)", "--clear-groups", "/usr/bin/python3", "-c",
            """
            import os
            os.chdir("\(account.home)"); os.mkdir("real"); os.symlink("\(victim)", "away"); open("ready", "w")
            while True:
                os.rename("real", "way"); os.rename("way", "real"); os.rename("away", "way"); os.rename("way", "away")
            """,
        ]
        try flipper.run()
        defer { kill(flipper.processIdentifier, SIGKILL) }
        try eventually { access(account.home + "/ready", F_OK) == 0 }
        for _ in 0..<60 {
            var target = bench.target("file", overwrites: true)
            target.folder = "way"
            target.createsFolder = false
            let placed = try bench.place(target, Array("mine".utf8))
            #expect(
                placed == .done(folder: account.home + "/way") || [.permission, .noSuchFolder].contains(code(placed)))
        }
        var after = stat()
        stat(victim + "/file", &after)
        #expect(after.st_ino == before.st_ino && after.st_mtim.tv_nsec == before.st_mtim.tv_nsec)
        #expect(try String(contentsOfFile: victim + "/file", encoding: .utf8) == "precious")
        #expect(try File.names(in: victim) == ["file"])
    }

    /// FUSE, as bindfs has it: no unnamed files, no exchange of names, no renaming that spares what is there.
    @Test(.enabled(if: access("/usr/bin/bindfs", X_OK) == 0 && access("/dev/fuse", R_OK | W_OK) == 0))
    func `a file system that can only rename does the same`() throws {
        let (below, place) = (account.home + "/below", bench.scratch.path + "/fuse")
        mkdir(below, 0o755)
        chown(below, account.uid, account.gid)
        mkdir(place, 0o755)
        var before = stat()
        stat(place, &before)
        let fuse = Process()
        fuse.executableURL = URL(filePath: "/usr/bin/bindfs")
        fuse.arguments = ["-f", below, place]
        try fuse.run()
        defer {
            umount2(place, 2)
            kill(fuse.processIdentifier, SIGKILL)
        }
        try eventually {
            var now = stat()
            return stat(place, &now) == 0 && now.st_dev != before.st_dev
        }
        func target(
            _ name: String, _ content: Placement.Target.Content = .file, overwrites: Bool = false, keeps: Bool = false
        ) -> Placement.Target {
            var target = bench.target(name, content, overwrites: overwrites, keeps: keeps)
            target.folder = place
            return target
        }
        func text(_ name: String) -> String? { try? String(contentsOfFile: "\(place)/\(name)", encoding: .utf8) }
        let done = Placed.done(folder: place)
        #expect(try bench.place(target("file"), Array("one".utf8)) == done)
        #expect(code(try bench.place(target("file"), Array("two".utf8))) == .exists)
        #expect(try bench.place(target("file", overwrites: true), Array("two".utf8)) == done && text("file") == "two")
        let third = target("file", overwrites: true, keeps: true)
        #expect(try bench.place(third, Array("three".utf8)) == done && text("file") == "three")
        var archive = TestArchive()
        archive.add("version", "0", Array("1".utf8))
        #expect(try bench.place(target("app", .tree), archive.whole) == done && text("app/version") == "1")
        #expect(code(try bench.place(target("app", .tree), archive.whole)) == .exists)
        var next = TestArchive()
        next.add("version", "0", Array("2".utf8))
        let second = target("app", .tree, overwrites: true, keeps: true)
        #expect(try bench.place(second, next.whole) == done && text("app/version") == "2")
        #expect(try bench.place(target("app", .kept(run: second.run), overwrites: true)) == done)
        #expect(try bench.place(target("file", .kept(run: third.run), overwrites: true)) == done)
        #expect(text("app/version") == "1" && text("file") == "two")
        #expect(try File.names(in: place).sorted() == [".estiba-previous", "app", "file"])
    }
}

/// Reads a file again and again on a thread of its own.
private final class Reader: Sendable {
    private struct State {
        var (reads, wrong, isStopping, isStopped) = (0, 0, false, false)
    }

    private let path: String
    private let allowed: Set<[UInt8]>
    private let state = Mutex(State())

    init(_ path: String, allowed: Set<[UInt8]>) {
        self.path = path
        self.allowed = allowed
    }

    func run() {
        while !state.withLock({ $0.isStopping }) {
            let bytes = try? File.contents(path, limit: 64 << 20)
            let isRight = bytes.map { allowed.contains($0) } ?? false
            state.withLock {
                $0.reads += 1
                $0.wrong += isRight ? 0 : 1
            }
        }
        state.withLock { $0.isStopped = true }
    }

    func stop() -> (reads: Int, wrong: Int) {
        state.withLock { $0.isStopping = true }
        try? eventually { state.withLock { $0.isStopped } }
        return state.withLock { ($0.reads, $0.wrong) }
    }
}

/// What inotify(7) says of a folder: all its events.
private final class FolderWatch {
    private let descriptor: Int32

    init(_ folder: String) throws {
        descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        try #require(inotify_add_watch(descriptor, folder, 0xFFF) >= 0)
    }

    deinit { close(descriptor) }

    func events() -> [(mask: UInt32, name: String)] {
        var found: [(UInt32, String)] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = read(descriptor, &buffer, buffer.count), count > 0 {
            var rest = buffer[..<count]
            func integer(_ at: Int) -> UInt32 {
                rest.dropFirst(at).prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
            }
            while rest.count >= 16 {
                let length = Int(integer(12))
                let name = String(decoding: rest.dropFirst(16).prefix(length).prefix { $0 != 0 }, as: UTF8.self)
                found.append((integer(4), name))
                rest = rest.dropFirst(16 + length)
            }
        }
        return found
    }
}

import Foundation
import Testing

@testable import Commands

@Suite struct DeployPlanTests {
    private func plan(
        _ entries: [DeployEntry], _ change: (inout DeployPlan.Defaults) -> Void = { _ in }
    ) throws -> DeployPlan {
        var defaults = DeployPlan.Defaults()
        change(&defaults)
        let source = try UploadSource("/etc/passwd", takesFolders: false)
        return try DeployPlan(entries, entries.map { _ in source }, defaults)
    }

    private func refuses(_ body: () throws -> Void) -> Bool {
        do { try body() } catch CommandError.usage { return true } catch {}
        return false
    }

    @Test func `files without a command of their own are one execution`() throws {
        let plan = try plan([.init(path: "a", name: "a"), .init(path: "b", name: "b", folder: "x")]) { $0.run = "./a" }
        #expect(plan.parts.map(\.label) == ["a and 1 more"])
        #expect(plan.parts[0].run == "./a")
        #expect(plan.parts[0].files.map(\.placed.folder) == ["~", "x"])
        #expect(plan.parts[0].files.map(\.placed.mode) == [0o644, 0o644])
    }

    @Test func `each with its own command is one of its own, and labels differ`() throws {
        let plan = try plan([
            .init(path: "a", name: "a", run: "one"), .init(path: "b", name: "b"),
            .init(path: "a", name: "a", mode: "700", run: "two"), .init(path: "c", name: "c", service: "s"),
        ])
        #expect(plan.parts.map(\.label) == ["b", "a", "a#2", "c"])
        #expect(plan.parts.map(\.run) == [nil, "one", "two", nil])
        #expect(plan.parts[2].files[0].placed.mode == 0o700)
        #expect(plan.parts[3].service == .init(name: "s", permanent: false, port: nil))
    }

    @Test func `what is kept is taken the place of, and a profile says the folder`() throws {
        let file = try plan([.init(path: "a")]) { ($0.keepsPrevious, $0.profile) = (true, "tomcat") }.parts[0].files[0]
        #expect(file.placed.overwrite && file.placed.keepPrevious == true)
        #expect(file.placed.folder == nil && file.placed.profile == "tomcat")
        let other = try plan([.init(path: "a", folder: "x")]) { $0.profile = "tomcat" }.parts[0].files[0]
        #expect(other.placed.folder == "x" && other.placed.profile == nil)
        #expect(refuses { _ = try plan([.init(path: "a", folder: "x", profile: "p")]) })
        #expect(refuses { _ = try plan([.init(path: "a", mode: "9")]) })
        #expect(refuses { _ = try plan([.init(path: "a", run: "x")]) { $0.run = "y" } })
    }

    @Test(arguments: [
        #"{"path":"a"}"#, #"[{"name":"a"}]"#, #"[{"path":"a","runn":"x"}]"#, #"[{"path":1}]"#, "[",
        #"[{"path":"a","mode":755}]"#,
    ])
    func `a list that is none is refused`(text: String) {
        #expect(refuses { _ = try DeployEntry.list(Array(text.utf8)) })
    }

    @Test func `a list is read`() throws {
        let text = #"[{"path":"a"},{"path":"b","mode":"755","run":"./b","keepPrevious":true}]"#
        let entries = try DeployEntry.list(Array(text.utf8))
        #expect(entries == [.init(path: "a"), .init(path: "b", mode: "755", run: "./b", keepPrevious: true)])
    }
}

@Suite struct TarTests {
    private let folder = NSTemporaryDirectory() + "estiba-tar-" + UUID().uuidString

    private func bytes(_ source: UploadSource) throws -> [UInt8] {
        try SourceReader(source).read(at: 0, count: source.size)
    }

    private func tree(_ body: (String) throws -> Void) throws -> UploadSource {
        let root = folder + "/a tree"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        try body(root)
        return try UploadSource(root, takesFolders: true)
    }

    private func write(_ path: String, _ bytes: [UInt8]) throws {
        let parent = (path as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    /// Blocks of their number: no piece of the beginning is like one further on.
    private func content(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 4096)
        for block in 0..<(count + 4095) / 4096 {
            bytes += withUnsafeBytes(of: block) { Array($0) } + [UInt8](repeating: UInt8(block & 0xFF), count: 4088)
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    @Test func `what tar unpacks is the folder, with odd names, long paths and links`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let deep = (0..<5).map { _ in String(repeating: "d", count: 60) }.joined(separator: "/")
        let source = try tree { root in
            try write(root + "/new\nline -rf", content(3))
            try write(root + "/ü/empty", [])
            try write(root + "/\(deep)/file", content(2000))
            try write(root + "/big", content(3 << 20 | 5))
            try write(root + "/big2", content(1 << 20))
            try write(root + "/x.sh", content(10))
            try FileManager.default.setAttributes([.posixPermissions: 0o4750], ofItemAtPath: root + "/x.sh")
            try FileManager.default.createSymbolicLink(atPath: root + "/link", withDestinationPath: "../out " + deep)
        }
        #expect(source.isTree && source.name == "a tree")
        let archive = folder + "/archive.tar", out = folder + "/out"
        try write(archive, try bytes(source))
        try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
        let tar = Process()
        tar.executableURL = URL(fileURLWithPath: "/bin/tar")
        tar.arguments = ["-xf", archive, "-C", out]
        try tar.run()
        tar.waitUntilExit()
        #expect(tar.terminationStatus == 0)
        let compare = Process()
        compare.executableURL = URL(fileURLWithPath: "/usr/bin/diff")
        compare.arguments = ["-r", "--no-dereference", folder + "/a tree", out]
        try compare.run()
        compare.waitUntilExit()
        #expect(compare.terminationStatus == 0)
        let facts = try FileManager.default.attributesOfItem(atPath: out + "/x.sh")
        #expect((facts[.posixPermissions] as? NSNumber)?.intValue == 0o750)
    }

    @Test func `a large file begins at a chunk, whatever lies before it`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // Sizes around the one that leaves no room for a comment.
        for small in [0, 1, 512, 1024, 1 << 19, (1 << 20) - 3072, (1 << 20) - 2560, (1 << 20) - 2048, (1 << 20) - 1536]
        {
            let source = try tree { root in
                try write(root + "/a", content(small))
                try write(root + "/b", content(2 << 20))
            }
            let big = source.parts.filter { $0.content == .file(folder + "/a tree/b") }
            #expect(big.map { $0.offset % (1 << 20) } == [0], "after \(small) bytes")
            #expect(source.parts.allSatisfy { $0.length > 0 })
            #expect(zip(source.parts, source.parts.dropFirst()).allSatisfy { $0.end == $1.offset })
        }
    }

    @Test func `any range reads as the whole does, and the same folder gives the same bytes`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let source = try tree { root in
            for number in 0..<20 { try write(root + "/f\(number)", content(number * 997)) }
        }
        let whole = try bytes(source)
        #expect(try bytes(try UploadSource(source.path, takesFolders: true)) == whole)
        let reader = SourceReader(source)
        for _ in 0..<200 {
            let from = Int.random(in: 0..<whole.count), count = Int.random(in: 1...20_000)
            #expect(try reader.read(at: from, count: count) == Array(whole[from..<min(from + count, whole.count)]))
        }
    }

    @Test func `a folder needs -r, and what is no file is refused`() throws {
        #expect(throws: CommandError.self) { try UploadSource("/tmp", takesFolders: false) }
        #expect(throws: CommandError.self) { try UploadSource("/dev/null", takesFolders: true) }
        #expect(throws: CommandError.self) { try UploadSource("/no/such", takesFolders: true) }
    }
}

@Suite struct MeterTests {
    @Test(arguments: [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9_940, "9.9 kB"), (12_345, "12 kB"), (1_500_000, "1.5 MB"),
        (2_500_000_000_000, "2.5 TB"),
    ])
    func `bytes as people read them`(bytes: Int, text: String) { #expect(UploadMeter.amount(bytes) == text) }

    @Test func `the bar says how far and how fast`() {
        let bar = UploadMeter.bar("f", here: 50, size: 100, moved: 30, in: .seconds(3))
        #expect(bar == "f [==========          ] 50 % of 100 B, 10 B/s")
    }

    @Test func `the slowest nodes are named first`() {
        func run(_ number: Int, _ state: String, _ percent: Int?) -> Run {
            Run(run: number, node: "n\(number)", state: state, terminal: false, percent: percent)
        }
        #expect(FetchMeter.text([run(0, "running", nil)]) == "")
        let runs = [run(0, "placed", nil)] + (1...6).map { run($0, "fetching", 100 - $0) }
        #expect(FetchMeter.text(runs) == "fetching: n6 94 %, n5 95 %, n4 96 %, n3 97 % and 2 more; 1 beyond")
    }
}

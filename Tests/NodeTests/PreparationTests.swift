import Foundation
import Glibc
import Spool
import Testing

@testable import Placer

/// Archives as Python's zipfile writes them, and what becomes of them on the way.
struct ZipCheckTests {
    private let scratch: ScratchFolder

    init() throws { scratch = try ScratchFolder() }

    private func archive(_ names: [String], comment: String = "") throws -> [UInt8] {
        let path = scratch.path + "/made.zip"
        let python = Process()
        python.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        python.arguments =
            [
                "-c",
                """
                import sys, zipfile
                with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
                    archive.comment = sys.argv[2].encode()
                    for name in sys.argv[3:]: archive.writestr(name, name * 100)
                """, path, comment,
            ] + names
        try python.run()
        python.waitUntilExit()
        return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    private func problem(_ bytes: [UInt8], required: [String] = []) throws -> String? {
        try put(bytes, at: scratch.path + "/looked-at", mode: 0o600)
        return try ZipCheck(required: required).problem(of: File(scratch.path + "/looked-at"))
    }

    @Test func `whole archives are whole`() throws {
        #expect(try problem(try archive(["a", "WEB-INF/web.xml"]), required: ["WEB-INF/", "a"]) == nil)
        #expect(try problem(try archive([])) == nil)
        #expect(try problem(try archive(["a"], comment: "PK\u{5}\u{6} and more")) == nil)
        #expect(try problem(Array("#!/bin/sh\n".utf8) + (try archive(["a"]))) == nil)
    }

    @Test func `one that is cut anywhere is not`() throws {
        let whole = try archive(["a", "WEB-INF/web.xml"])
        for count in 0..<whole.count { #expect(try problem(Array(whole.prefix(count))) != nil, "cut at \(count)") }
        for count in 1..<whole.count where count % 7 == 0 {
            #expect(try problem(Array(whole.dropFirst(count))) != nil, "from \(count)")
        }
    }

    @Test func `no spoilt byte of its directory traps, and of its marks none passes`() throws {
        let whole = try archive(["a", "WEB-INF/web.xml"])
        for place in whole.indices {
            var spoilt = whole
            spoilt[place] ^= 0xFF
            _ = try problem(spoilt)
        }
        for mark in [[0x50, 0x4B, 0x01, 0x02], [0x50, 0x4B, 0x03, 0x04], [0x50, 0x4B, 0x05, 0x06]] as [[UInt8]] {
            for place in whole.indices.dropLast(4) where Array(whole[place..<place + 4]) == mark {
                var spoilt = whole
                spoilt[place] = 0
                #expect(try problem(spoilt) != nil)
            }
        }
    }

    @Test(arguments: ["../x", "a/../../x", "/etc/passwd", "a\\..\\..\\x"])
    func `a name that leads out is refused`(_ name: String) throws {
        #expect(try #require(try problem(try archive(["a", name]))).contains("leads out"))
    }

    @Test func `what is required is named when it is missing`() throws {
        #expect(try problem(try archive(["WEB-INF.txt"]), required: ["WEB-INF/"]) == "holds no WEB-INF/")
        #expect(try problem(try archive(["plugin.yml.old"]), required: ["plugin.yml"]) == "holds no plugin.yml")
    }

    @Test func `numbers beyond every end do no harm`() throws {
        for _ in 0..<300 {
            var bytes = (0..<60).map { _ in UInt8.random(in: 0...255) }
            bytes += [0x50, 0x4B, 5, 6] + (0..<16).map { _ in [0, 0xFF, 0x7F, 1].randomElement() ?? 0 } + [0, 0]
            _ = try problem(bytes)
        }
    }
}

struct ShellLineTests {
    private func run(_ line: String, seconds: Int = 20) throws -> (ShellLine.Ending, said: String) {
        try ShellLine(line: line, environment: ["PATH=/usr/bin:/bin", "WORD=w"], folder: "/tmp").run(
            within: .seconds(seconds))
    }

    @Test func `a line says its end and its last words`() throws {
        #expect(try run("true").0 == .exited(code: 0))
        let said = try run("pwd; echo $WORD >&2; exit 7")
        #expect(said.0 == .exited(code: 7))
        #expect(said.said == "/tmp | w")
        #expect(try run("kill -9 $$").0 == .signalled(9))
        #expect(try run("printf 'a\\033[31mb\\n'").said == "a[31mb")
        #expect(try run("seq 100000").said.hasSuffix("99999 | 100000"))
    }

    @Test func `one that does not end is ended, with what it started`() throws {
        let word = "8\(UInt32.random(in: 100_000_000...999_999_999))"
        #expect(try run("sleep \(word) & sleep \(word)", seconds: 1).0 == .late)
        #expect(try run("sleep \(word) & exit 0").0 == .exited(code: 0))
        try eventually {
            try FileManager.default.contentsOfDirectory(atPath: "/proc").allSatisfy {
                ((try? String(contentsOfFile: "/proc/\($0)/cmdline", encoding: .utf8)) ?? "").contains(word) == false
            }
        }
    }
}

struct ElfCheckTests {
    @Test func `a program of this machine is one, a script is not`() throws {
        let scratch = try ScratchFolder()
        #expect(try ElfCheck.problem(of: File("/bin/sh")) == nil)
        try put(Array("#!/bin/sh\n exit 0 and more".utf8), at: scratch.path + "/script", mode: 0o755)
        #expect(try ElfCheck.problem(of: File(scratch.path + "/script")) == "is no ELF program")
        var other = try File("/bin/sh").bytes(at: 0, count: 100)
        other[18] ^= 1
        try put(other, at: scratch.path + "/other", mode: 0o755)
        #expect(try ElfCheck.problem(of: File(scratch.path + "/other"))?.contains("another kind") == true)
    }
}

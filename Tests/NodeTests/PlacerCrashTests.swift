import Foundation
import Glibc
import Placer
import Spool
import Testing

/// Placers that are killed at whatever moment, each followed by the next one, as a worker does it.
@Suite(.serialized, .enabled(if: TestAccount.isPossible)) struct PlacerCrashTests {
    private static let rounds = ProcessInfo.processInfo.environment["ESTIBA_TEST_LONG"] == "1" ? 100 : 12

    private let bench: PlacerBench
    private let account: TestAccount

    init() throws {
        bench = try PlacerBench()
        account = bench.account
    }

    private var done: Placed { .done(folder: account.home) }

    /// Kills the placer somewhere within the time that one takes.
    private func cut(_ target: Placement.Target, _ bytes: [UInt8] = [], within microseconds: UInt32) throws {
        _ = try bench.place(target, bytes) { pid in
            usleep(UInt32.random(in: 0...microseconds))
            kill(pid, SIGKILL)
        }
    }

    private func time(_ body: () throws -> Placed?) throws -> UInt32 {
        let start = ContinuousClock.now
        #expect(try body() == done)
        let taken = (ContinuousClock.now - start).components
        return UInt32(taken.seconds * 1_000_000 + taken.attoseconds / 1_000_000_000_000) * 5 / 4
    }

    private func bytes(_ name: String) -> [UInt8]? {
        (try? Data(contentsOf: URL(filePath: "\(account.home)/\(name)"))).map { [UInt8]($0) }
    }

    @Test func `of a file the old or the new is there, and the next placer comes to the end`() throws {
        func version(_ round: Int) -> [UInt8] { [UInt8](repeating: UInt8(round), count: 4 << 20) }
        let span = try time { try bench.place(bench.target("file"), version(0)) }
        for round in 1...Self.rounds {
            let target = bench.target("file", overwrites: true, keeps: round.isMultiple(of: 2))
            try cut(target, version(round), within: span)
            #expect([version(round - 1), version(round)].contains(bytes("file")))
            #expect(try bench.place(target, version(round)) == done)
            #expect(bytes("file") == version(round))
            if target.keepsPrevious {
                #expect(bytes(".estiba-previous/\(target.run)/file/was") == version(round - 1), "round \(round)")
            }
            #expect(try bench.hidden().filter { $0 != PreviousName.folder } == [])
        }
    }

    @Test func `a file that may not be overwritten is known as the run's own`() throws {
        for round in 1...Self.rounds {
            let target = bench.target("file\(round)", keeps: round.isMultiple(of: 2))
            let content = [UInt8](repeating: UInt8(round), count: 1 << 20)
            try cut(target, content, within: 20_000)
            #expect([nil, content].contains(bytes(target.name)))
            #expect(try bench.place(target, content) == done, "round \(round)")
            #expect(bytes(target.name) == content)
            #expect(code(try bench.place(bench.target(target.name), content)) == .exists)
        }
    }

    @Test func `of a folder the old or the new is there as a whole`() throws {
        func archive(_ round: Int) -> [UInt8] {
            var archive = TestArchive()
            for number in 0..<60 { archive.add("sub\(number % 3)/file\(number)", "0", Array("\(round)".utf8)) }
            return archive.whole
        }
        func versions() throws -> [String] {
            try (0..<60).map {
                try String(contentsOfFile: "\(account.home)/app/sub\($0 % 3)/file\($0)", encoding: .utf8)
            }
        }
        let span = try time { try bench.place(bench.target("app", .tree), archive(0)) }
        for round in 1...Self.rounds {
            let target = bench.target("app", .tree, overwrites: true, keeps: round.isMultiple(of: 2))
            try cut(target, archive(round), within: span)
            let seen = Set(try versions())
            #expect(seen == ["\(round)"] || seen == ["\(round - 1)"])
            #expect(try bench.place(target, archive(round)) == done)
            #expect(Set(try versions()) == ["\(round)"])
            if target.keepsPrevious {
                #expect(
                    bench.text(".estiba-previous/\(target.run)/app/was/sub0/file0") == "\(round - 1)", "round \(round)")
            }
            #expect(try bench.hidden().filter { $0 != PreviousName.folder } == [])
        }
    }

    @Test func `a rollback that is cut short is done once`() throws {
        for round in 1...Self.rounds {
            let name = "file\(round)"
            let hadNone = round.isMultiple(of: 3)
            if !hadNone { _ = try bench.place(bench.target(name), Array("old".utf8)) }
            let deployed = bench.target(name, overwrites: true, keeps: true)
            #expect(try bench.place(deployed, Array("new".utf8)) == done)
            let back = bench.target(name, .kept(run: deployed.run), overwrites: true, keeps: round.isMultiple(of: 2))
            try cut(back, within: 15_000)
            #expect(try bench.place(back) == done, "round \(round)")
            #expect(bench.text(name) == (hadNone ? nil : "old"))
            if back.keepsPrevious {
                #expect(bench.text(".estiba-previous/\(back.run)/\(name)/was") == "new")
            }
            #expect(try bench.hidden() == [PreviousName.folder])
        }
    }

    @Test func `what a cut leaves is cleaned for a run that does not go on`() throws {
        var archive = TestArchive()
        for number in 0..<60 { archive.add("file\(number)", "0", [1]) }
        for round in 1...Self.rounds {
            var target = bench.target("app", .tree, overwrites: true)
            try cut(target, archive.whole, within: 30_000)
            target.cleans = true
            #expect(try bench.place(target) == done, "round \(round)")
            #expect(try bench.hidden() == [])
        }
    }
}

private enum PreviousName {
    static let folder = ".estiba-previous"
}

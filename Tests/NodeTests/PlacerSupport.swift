import Foundation
import Glibc
import Placer
import Spool
import Testing

/// A real account and a placer that works for it.
final class PlacerBench {
    let account: TestAccount
    let scratch: ScratchFolder
    private var runs = 0

    init() throws {
        account = try TestAccount()
        scratch = try ScratchFolder()
    }

    /// A name for a run that no other has had.
    func newRun() -> String {
        runs += 1
        return "RUN\(runs).node1"
    }

    func target(
        _ name: String, _ content: Placement.Target.Content = .file, overwrites: Bool = false, keeps: Bool = false,
        run: String? = nil
    ) -> Placement.Target {
        var target = Placement.Target(
            folder: "", name: name, mode: 0o644, overwrites: overwrites, createsFolder: true, run: run ?? newRun())
        target.content = content
        target.keepsPrevious = keeps
        return target
    }

    /// The note of a run stays, as a worker keeps it.
    func place(
        _ target: Placement.Target, _ bytes: [UInt8] = [], home: Placement.Home? = nil,
        patience: Duration = .seconds(30), meanwhile: (Int32) -> Void = { _ in }
    ) throws -> Placed? {
        let path = "\(scratch.path)/source"
        try put(bytes, at: path, mode: 0o600)
        return try place(target, from: path, home: home, patience: patience, meanwhile: meanwhile)
    }

    func place(
        _ target: Placement.Target, from path: String, home: Placement.Home? = nil,
        patience: Duration = .seconds(30), meanwhile: (Int32) -> Void = { _ in }
    ) throws -> Placed? {
        let source = try File(path)
        let notePath = "\(scratch.path)/note-\(target.run)"
        let note = try File(notePath, O_RDWR | O_CREAT)
        let placement = Placement(
            uid: account.uid, gid: account.gid, groups: account.groups,
            home: home ?? Placement.Home(account.home, missing: .refuse), target: target)
        let placer = try PlacerProcess(
            try program("estiba-placer"), placement, bytes: source.descriptor, note: note.descriptor)
        meanwhile(placer.pid)
        return placer.finish(within: patience)
    }

    func text(_ name: String) -> String? { contents(account.home + "/" + name) }

    /// The names in the home that begin with `.estiba`.
    func hidden() throws -> [String] { try File.names(in: account.home).filter { $0.hasPrefix(".estiba") }.sorted() }
}

private func contents(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

func code(_ placed: Placed?) -> PlacementFailure.Code? {
    if case .refused(let failure) = placed { failure.code } else { nil }
}

/// A tar archive, member by member, as wrong as wanted.
struct TestArchive {
    private(set) var bytes: [UInt8] = []

    mutating func add(
        _ path: String, _ kind: Character = "0", _ content: [UInt8] = [], mode: UInt32 = 0o644, link: String = "",
        size: Int? = nil, isSumRight: Bool = true
    ) {
        var header = [UInt8](repeating: 0, count: 512)
        func write(_ text: some Sequence<UInt8>, at offset: Int) {
            for (index, byte) in text.enumerated() { header[offset + index] = byte }
        }
        func octal(_ value: Int, _ digits: Int) -> [UInt8] {
            let text = String(value, radix: 8)
            return Array((String(repeating: "0", count: digits - text.count) + text).utf8)
        }
        write(path.utf8.prefix(100), at: 0)
        write(octal(Int(mode), 7), at: 100)
        write(octal(size ?? content.count, 11), at: 124)
        write("        ".utf8, at: 148)
        write(String(kind).utf8, at: 156)
        write(link.utf8.prefix(100), at: 157)
        write("ustar\0".utf8, at: 257)
        write("00".utf8, at: 263)
        let sum = header.reduce(0) { $0 + Int($1) } + (isSumRight ? 0 : 1)
        write(octal(sum, 6) + [0], at: 148)
        bytes += header + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    /// With the end that an archive has to have.
    var whole: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }
}

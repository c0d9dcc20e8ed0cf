import Foundation
import Glibc
import Testing

/// A real UNIX account, made for a test and removed with it. Needs root.
final class TestAccount {
    let name: String
    let uid: UInt32
    let gid: UInt32
    let home: String
    /// All groups, the primary one too.
    let groups: [UInt32]
    private let extra: String?

    static var isPossible: Bool { geteuid() == 0 }

    init(password: String? = nil, extraGroup: Bool = false, system: Bool = false, shell: String = "/bin/sh") throws {
        name = "estt\(UInt32.random(in: 0 ... .max))"
        home = "/tmp/\(name)"
        extra = extraGroup ? "\(name)g" : nil
        if let extra { try run("groupadd", extra) }
        let groupOption = extra.map { ["-G", $0] } ?? []
        try run("useradd", arguments: (system ? ["-r"] : []) + ["-m", "-d", home, "-s", shell] + groupOption + [name])
        if let password { try run("chpasswd", input: "\(name):\(password)\n") }
        let entry = try #require(getpwnam(name)).pointee
        (uid, gid) = (entry.pw_uid, entry.pw_gid)
        var found = [gid_t](repeating: 0, count: 64)
        var count: Int32 = 64
        getgrouplist(name, gid, &found, &count)
        groups = Array(found.prefix(Int(count)))
    }

    deinit {
        try? run("userdel", "-rf", name)
        if let extra { try? run("groupdel", extra) }
    }
}

/// Runs a program of the system; a test fails where it does.
func run(_ program: String, _ arguments: String...) throws { try run(program, arguments: arguments) }

func run(_ program: String, arguments: [String] = [], input: String = "") throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
    let pipe = Pipe()
    process.standardInput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    try pipe.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try pipe.fileHandleForWriting.close()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(program) \(arguments)")
}

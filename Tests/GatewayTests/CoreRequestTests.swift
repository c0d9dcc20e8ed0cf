import Foundation
import Messages
import SwiftProtobuf
import Testing

@testable import Gateway

/// What a request may be, case by case.
@Suite struct CoreRequestTests {
    @Test(arguments: [
        ("a b  c", ["a", "b", "c"]),
        ("  a\tb\n", ["a", "b"]),
        ("", []),
        ("'a b' c", ["a b", "c"]),
        (#""a b"c"#, ["a bc"]),
        (#"a\ b"#, ["a b"]),
        (#"'it'\''s'"#, ["it's"]),
        (#""say \"hi\" \\ \$x \n""#, [#"say "hi" \ $x \n"#]),
        (#"'\n'"#, [#"\n"#]),
        ("''", [""]),
        (#"a "" b"#, ["a", "", "b"]),
        ("a\\\nb", ["ab"]),
        (
            "echo $HOME; ls | wc > x & `id` $(id) *",
            ["echo", "$HOME;", "ls", "|", "wc", ">", "x", "&", "`id`", "$(id)", "*"]
        ),
        ("printf 'ä ö'", ["printf", "ä ö"]),
        ("a#b #c", ["a#b", "#c"]),
    ])
    func `a line is split as a shell would`(line: String, words: [String]) throws {
        #expect(try ShellWords.split(line) == words)
    }

    @Test(arguments: ["'a", "\"a", "a\\", #""a\""#, "a'b'c'"])
    func `an open quote is a bad command`(line: String) {
        #expect { try ShellWords.split(line) } throws: { ($0 as? Failure)?.code == .badCommand }
    }

    private static let blob = String(repeating: "0a", count: 32)

    private func request(_ change: (inout ExecutionRequest) -> Void = { _ in }) -> ExecutionRequest {
        var request = ExecutionRequest(nodes: ["node1"], command: .init(arguments: ["true"]))
        change(&request)
        return request
    }

    private func code(_ request: ExecutionRequest) -> Failure.Code? {
        do throws(Failure) {
            _ = try RequestCheck.check(request)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func `defaults are filled in`() throws {
        let checked = try RequestCheck.check(request())
        #expect(checked.kind == "run")
        #expect(checked.waitMilliseconds == 600_000 && checked.graceMilliseconds == 60_000)
        #expect(checked.folder == "" && checked.command == .arguments(["true"]))
    }

    @Test func `nodes are taken once and in their order`() throws {
        let checked = try RequestCheck.check(request { $0.nodes = ["b", "a", "b", "c,a,d"] })
        #expect(checked.nodes.map(\.description) == ["b", "a", "c", "d"])
        #expect(code(request { $0.nodes = [] }) == .noNodes)
        #expect(code(request { $0.nodes = ["ok", "no/good"] }) == .unknownNode)
    }

    @Test(arguments: ["", ".", "..", "a/b", "a\0b", String(repeating: "x", count: 256)])
    func `such a file name is refused`(name: String) {
        #expect(code(request { $0.files = [.init(blob: Self.blob, name: name)] }) == .badName)
    }

    @Test(arguments: [" a b ", "-rf", "ü", "a\nb", String(repeating: "x", count: 255), "~"])
    func `such a file name is taken`(name: String) throws {
        let checked = try RequestCheck.check(request { $0.files = [.init(blob: Self.blob, name: name)] })
        #expect(checked.files.first?.name == name)
        #expect(checked.kind == "deploy")
    }

    @Test(arguments: [
        ("", ""), ("~", ""), ("~/", ""), ("~/x/y", "x/y"), ("x//y/", "x/y"), ("./x/.", "x"), ("/srv/app/", "/srv/app"),
        ("/", "/"), ("a~b", "a~b"), ("x/~", "x/~"),
    ])
    func `a folder is brought into its form`(given: String, form: String) throws {
        #expect(try RequestCheck.folder(given) == form)
    }

    @Test(arguments: ["..", "a/../b", "/..", "~bob/x", "~bob", "a\0b", "/" + String(repeating: "y", count: 256)])
    func `such a folder is refused`(folder: String) {
        #expect(code(request { $0.files = [.init(blob: Self.blob, name: "f", folder: folder)] }) == .badName)
        #expect(code(request { $0.folder = folder }) == .badName)
    }

    @Test func `a command without a folder runs where the first file lies`() throws {
        let file = ExecutionRequest.File(blob: Self.blob, name: "f", folder: "bin")
        #expect(try RequestCheck.check(request { $0.files = [file] }).folder == "bin")
        #expect(
            try RequestCheck.check(
                request {
                    $0.files = [file]; $0.folder = "/tmp"
                }
            ).folder == "/tmp")
        #expect(
            try RequestCheck.check(
                request {
                    $0.files = [file]; $0.folder = "~"
                }
            ).folder == ".")
        #expect(try RequestCheck.check(request { $0.folder = "~" }).folder == "")
    }

    @Test func `setuid, setgid and sticky are taken away`() throws {
        let file = ExecutionRequest.File(blob: Self.blob, name: "f", mode: 0o6755)
        #expect(try RequestCheck.check(request { $0.files = [file] }).files.first?.mode == 0o755)
    }

    @Test func `a command is exactly one thing, not empty, not too long`() {
        #expect(code(request { $0.command = .init() }) == .badCommand)
        #expect(code(request { $0.command = .init(arguments: ["a"], line: "b") }) == .badCommand)
        #expect(code(request { $0.command = .init(arguments: []) }) == .badCommand)
        #expect(code(request { $0.command = .init(arguments: [""]) }) == .badCommand)
        #expect(code(request { $0.command = .init(line: " \n ") }) == .badCommand)
        #expect(code(request { $0.command = .init(shell: " \t") }) == .badCommand)
        #expect(code(request { $0.command = .init(arguments: ["a\0b"]) }) == .badCommand)
        let long = String(repeating: "x", count: 2 << 20)
        #expect(code(request { $0.command = .init(arguments: ["echo", long]) }) == .badCommand)
        #expect(code(request { $0.command = nil }) == .badRequest)
    }

    @Test(arguments: [
        "LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "IFS", "PATH", "ESTIBA_NODE", "A=B", "", "1A", "A B", "A\nB",
    ])
    func `such a variable is refused`(name: String) {
        #expect(code(request { $0.environment = [name: "x"] }) == .badRequest)
    }

    @Test func `other variables are taken as they are`() throws {
        let given = ["LANG": "de_DE.UTF-8", "my_var": "a=b\nc", "PATHS": "x"]
        #expect(try RequestCheck.check(request { $0.environment = given }).environment == given)
    }

    @Test func `two files of one place, and a strange blob, are refused`() {
        let file = ExecutionRequest.File(blob: Self.blob, name: "f", folder: "~/x")
        let same = ExecutionRequest.File(blob: Self.blob, name: "f", folder: "x/")
        #expect(code(request { $0.files = [file, same] }) == .badRequest)
        #expect(code(request { $0.files = [.init(blob: "nope", name: "f")] }) == .unknownBlob)
    }

    @Test func `a profile says the folder, so none is given with it`() throws {
        let file = ExecutionRequest.File(blob: Self.blob, name: "a.war", profile: "tomcat", tree: false)
        #expect(try RequestCheck.check(request { $0.files = [file] }).files.first?.profile == "tomcat")
        var wrong = file
        wrong.folder = "bin"
        #expect(code(request { $0.files = [wrong] }) == .badRequest)
        wrong = file
        wrong.profile = "a/b"
        #expect(code(request { $0.files = [wrong] }) == .unknownProfile)
    }

    @Test func `a file has a blob or something to restore, and what is restored overwrites`() throws {
        let id = ExecutionID.random()
        let file = ExecutionRequest.File(name: "f", folder: "bin", restore: id.description)
        let checked = try RequestCheck.check(request { $0.files = [file] }).files.first
        #expect(checked?.content == .kept(id))
        #expect(checked?.overwrite == true)
        #expect(code(request { $0.files = [.init(name: "f")] }) == .badRequest)
        #expect(
            code(request { $0.files = [.init(blob: Self.blob, name: "f", restore: id.description)] }) == .badRequest)
        #expect(code(request { $0.files = [.init(name: "f", restore: "nope")] }) == .unknownExecution)
    }

    @Test(arguments: [
        "", " x", "x ", "a\nb", "a\u{202E}b", String(repeating: "x", count: 41), String(repeating: "ü", count: 40),
    ])
    func `such a service name is refused`(name: String) {
        #expect(code(request { $0.service = .init(name: name) }) == .badName)
    }

    @Test func `a service has a name, a port, and something that starts it`() throws {
        let service = ExecutionRequest.Service(name: "Grüße 1", permanent: true, port: 8080)
        let checked = try RequestCheck.check(request { $0.service = service })
        #expect(checked.service == .init(name: "Grüße 1", isPermanent: true, port: 8080))
        let file = ExecutionRequest.File(blob: Self.blob, name: "f")
        #expect(code(request { ($0.service, $0.files, $0.command) = (service, [file], nil) }) == .badRequest)
        #expect(code(request { $0.service = .init(name: "x", port: 65_536) }) == .badRequest)
    }

    @Test func `what is asked of a file stands in the order`() throws {
        let folder = NSTemporaryDirectory() + "estiba-order-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let id = ExecutionID.random()
        let asked = request {
            $0.files = [.init(name: "f", folder: "bin", tree: true, keepPrevious: true, restore: id.description)]
            $0.service = .init(name: "s", port: 80)
        }
        let made = try Submitting(
            try RequestCheck.check(asked), Identity(user: "ana", uid: 1000, session: Array(repeating: 1, count: 16)),
            owner: Principal(.gateway, "g1"), blobs: try BlobStore(folder: folder))
        let order = try WireOrder(serializedBytes: made.order)
        let file = try #require(order.files.first)
        #expect(Array(file.restore) == id.bytes && file.blob.isEmpty && file.tree && file.keepPrevious)
        #expect(order.service.name == "s" && order.service.port == 80 && !order.service.permanent)
    }
}

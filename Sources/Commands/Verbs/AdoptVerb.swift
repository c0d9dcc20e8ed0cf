import ArgumentParser
import AsyncHTTPClient
import FoundationEssentials
import Glibc
import NIOCore

/// `estiba adopt`: takes over the data folder of a gateway that is gone for good.
struct AdoptVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt", abstract: "Take over the data folder of a gateway that is gone for good (operators).",
        discussion: """
            The gateway you are logged in at takes over all executions of the other one: what runs goes on, its output and \
            states come to this gateway from now on, and what waits is still delivered. The folder lies on the machine of \
            this gateway, moved or mounted there. The other gateway must not run; it never starts on that folder again.

            It may be done again at any time, also after a crash in the middle.

            Examples:
              estiba adopt /var/lib/estiba/g1
              estiba adopt /mnt/g1/gateway --json

            Who may: root, the account that the gateway runs as, and whom its setting `operators` names.
            """)

    @Argument(help: "The data folder, as that gateway's setting `data` named it.", completion: .directory)
    var folder: String

    @Flag(help: "How far it is, one JSON object a line; the last one has \"done\":true.")
    var json = false

    private struct Wish: Encodable { var folder: String }

    struct Progress: Decodable {
        var from: String?
        var executions: Int?
        var of: Int?
        var adopted: Int?
        var unfinished: Int?
        var files: Int?
        var logBytes: UInt64?
        var done: Bool?
        var error: Reason?
    }

    func run() async throws {
        let gateway = try Gateway.loggedIn()
        let body = try await gateway.open("adopt", posting: Wish(folder: Self.absolute(folder)))
        var (pending, isDone) = ([UInt8](), false)
        do {
            for try await piece in body {
                pending.append(contentsOf: piece.readableBytesView)
                while let end = pending.firstIndex(of: 10) {
                    isDone = try show(Array(pending[..<end])).done == true
                    pending.removeFirst(end + 1)
                }
            }
        } catch let error as CommandError {
            throw error
        } catch {
            // How the connection broke says nothing that its being gone does not.
        }
        guard isDone else {
            throw CommandError.away(
                gateway: gateway.url, reason: "the connection ended in the middle; do it again, it goes on where it was"
            )
        }
    }

    private func show(_ line: [UInt8]) throws -> Progress {
        guard let progress = try? JSONDecoder().decode(Progress.self, from: Data(line)) else {
            throw CommandError.misunderstood(String(decoding: line.prefix(200), as: UTF8.self))
        }
        if let error = progress.error { throw CommandError.refused(status: 0, error) }
        if json {
            StandardStreams.emit(String(decoding: line, as: UTF8.self) + "\n")
        } else {
            StandardStreams.say(Self.words(progress))
        }
        return progress
    }

    static func words(_ progress: Progress) -> String {
        let (from, adopted) = (progress.from ?? "?", progress.adopted ?? 0)
        guard progress.done == true else {
            return "\(from): \(progress.executions ?? 0) of \(progress.of ?? 0) executions"
        }
        guard adopted > 0 else { return "\(from): all of it was here already" }
        return
            "\(from): \(adopted) executions taken over, \(progress.unfinished ?? 0) of them not ended, \(progress.files ?? 0) files, \(progress.logBytes ?? 0) bytes of output"
    }

    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let here = getcwd(nil, 0) else { return path }
        defer { free(here) }
        return "\(String(cString: here))/\(path)"
    }
}

import Glibc
import UnixSignals

/// Brings several sources to the gateway, one after another, each once.
struct Uploads {
    let gateway: Gateway
    let sources: [UploadSource]
    let isJSON: Bool

    /// The exit code of what SIGINT ended, as shells count it.
    private static let interrupted: Int32 = 130

    /// The blobs of the sources, in their order. Ctrl-C ends the program; what was sent stays at the gateway.
    func run() async throws -> [Blob] {
        let presses = await UnixSignalsSequence(trapping: .sigint)
        return try await withThrowingTaskGroup(of: [Blob]?.self) { group in
            group.addTask { try await bring() }
            group.addTask {
                for await _ in presses {
                    StandardStreams.write(Array("\r\u{1B}[K".utf8), to: .stderr)
                    StandardStreams.say("stopped; the same command again goes on where the upload was")
                    exit(Self.interrupted)
                }
                return nil
            }
            defer { group.cancelAll() }
            while let blobs = try await group.next() {
                if let blobs { return blobs }
            }
            throw CancellationError()
        }
    }

    private func bring() async throws -> [Blob] {
        var brought: [String: Blob] = [:]
        var blobs: [Blob] = []
        for (index, source) in sources.enumerated() {
            let number = sources.count > 1 ? "(\(index + 1)/\(sources.count)) " : ""
            let meter = UploadMeter(
                name: isJSON ? source.name : number + source.name, size: source.size, isJSON: isJSON)
            let blob: Blob
            if let known = brought[source.path] {
                blob = known
            } else {
                blob = try await Upload(gateway: gateway, source: source, meter: meter).run()
            }
            brought[source.path] = blob
            blobs.append(blob)
        }
        return blobs
    }
}

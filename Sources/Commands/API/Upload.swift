import Glibc
import Synchronization

/// Brings a file to the gateway, with its progress on stderr where that is a terminal.
struct Upload {
    let gateway: Gateway
    let source: SourceFile
    private static let attempts = 3

    /// A blob is named by its content, so sending it again after a broken connection does no harm.
    func run() async throws -> Blob {
        var attempt = 1
        while true {
            do {
                return try await send()
            } catch CommandError.away where attempt < Self.attempts {
                attempt += 1
                try await Task.sleep(for: .milliseconds(300))
            }
        }
    }

    private func send() async throws -> Blob {
        let meter = ProgressMeter(name: source.name, total: source.size)
        let pieces = FilePieces(source: source) { meter.show($0) }
        defer { meter.clear() }
        return try await gateway.upload("blobs", pieces, count: Int64(source.size))
    }
}

/// A line on the terminal that says how far something is; silent where stderr is no terminal.
final class ProgressMeter: Sendable {
    private let name: String
    private let total: Int
    private let isShown = StandardStreams.isTerminal(.stderr)
    private let percent = Mutex(-1)

    init(name: String, total: Int) {
        self.name = String(decoding: Array(name.utf8).withUnsafeBytes { Tamer.tame($0) }, as: UTF8.self)
        self.total = total
    }

    func show(_ done: Int) {
        let now = total == 0 ? 100 : done * 100 / total
        guard isShown,
            percent.withLock({ before in
                defer { before = now }
                return before != now
            })
        else { return }
        StandardStreams.write(Array("\r\u{1B}[K\(name): \(now) %".utf8), to: .stderr)
    }

    func clear() {
        if isShown { StandardStreams.write(Array("\r\u{1B}[K".utf8), to: .stderr) }
    }
}

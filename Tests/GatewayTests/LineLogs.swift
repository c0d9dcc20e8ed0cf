import Foundation
import Messages
import Spool

@testable import Gateway

/// A log that a test writes, and its lines as a plain splitter that keeps everything would say them.
final class WrittenLog {
    struct Open {
        var bytes: [UInt8] = []
        var time: UInt64 = 0
    }

    let folder = Folder()
    let logs: Logs
    let id = ExecutionID.random()
    let writer: LogWriter
    private(set) var lines: [Line] = []
    private var open: [LineSource: Open] = [:]
    private var clock: UInt64 = 1000

    init() throws {
        logs = Logs(folder: folder.root)
        let header = LogHeader(log: UInt64.random(in: 1 ... .max), execution: id.bytes, createdNanoseconds: 1)
        writer = try LogWriter(creating: logs.path(of: id), header)
    }

    func items() throws -> LogItems {
        try writer.flush()
        return try LogItems(LogReader(path: logs.path(of: id)))
    }

    func map(_ filter: LineFilter) throws -> LineMap {
        var map = LineMap(filter)
        map.append(try items().items(from: 0, limit: 1 << 20))
        return map
    }

    /// An entry of a record for each part.
    func append(run: UInt32, _ parts: [(Spool.Stream, [UInt8])]) {
        var records: [UInt8] = []
        for (stream, bytes) in parts {
            clock += 1
            records += Record.bytes(stream, bytes, timeNanoseconds: clock)
            split(LineSource(run: run, stream: stream), bytes)
        }
        records.withUnsafeBytes { writer.append(run: run, records: $0, timeNanoseconds: 1) }
    }

    func append(run: UInt32, _ text: String, of stream: Spool.Stream = .stdout) {
        append(run: run, [(stream, Array(text.utf8))])
    }

    func appendGap(run: UInt32, bytes: UInt64) {
        let from = writer.position(of: run)
        writer.appendGap(run: run, to: from + bytes, timeNanoseconds: 1)
        let before = [Spool.Stream.stdout, .stderr].compactMap { stream in
            open.removeValue(forKey: LineSource(run: run, stream: stream)).map(Self.head)
        }
        lines.append(Line(run: run, content: .gap(from: from, to: from + bytes, before: before)))
    }

    func lines(_ filter: LineFilter) -> [Line] {
        lines.compactMap { line in
            guard filter.takes(line.run) else { return nil }
            if case .output(let stream, _) = line.content { return filter.takes(stream) ? line : nil }
            guard case .gap(let from, let to, let before) = line.content else { return nil }
            // Which streams the heads before a gap are of is not told: these tests gap with both or none chosen.
            return Line(run: line.run, content: .gap(from: from, to: to, before: before))
        }
    }

    func openLines(_ filter: LineFilter) -> [Line] {
        open.filter { filter.takes($0.key.run) && filter.takes($0.key.stream) }.sorted { $0.key < $1.key }
            .map { Line(run: $0.key.run, content: .output($0.key.stream, Self.head($0.value))) }
    }

    private func split(_ source: LineSource, _ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            var line = open.removeValue(forKey: source) ?? Open(time: clock)
            guard let end = newline(in: rest) else {
                line.bytes += rest
                open[source] = line
                return
            }
            line.bytes += rest[..<end]
            lines.append(Line(run: source.run, content: .output(source.stream, Self.head(line))))
            rest = rest[(end + 1)...]
        }
    }

    private func newline(in bytes: ArraySlice<UInt8>) -> Int? {
        bytes.withUnsafeBytes { raw in
            guard let base = raw.baseAddress, let found = memchr(base, 10, raw.count) else { return nil }
            return bytes.startIndex + base.distance(to: UnsafeRawPointer(found))
        }
    }

    private static func head(_ open: Open) -> LineHead {
        LineHead(
            bytes: Array(open.bytes.prefix(8192)), timeNanoseconds: open.time, isCut: open.bytes.count > 8192)
    }
}

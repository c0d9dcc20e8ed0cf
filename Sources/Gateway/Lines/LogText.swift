import NIOCore
import Spool

/// A log as text: every line with its node in front, in the order in which they ended, those without an end last.
///
/// A line longer than 64 KiB comes in several, so that no node's line keeps the others' waiting in memory.
struct LogText {
    static let lineBytes = 64 << 10

    private let nodes: [UInt32: String]
    private let filter: LineFilter
    private var parts: [LineSource: [UInt8]] = [:]

    init(nodes: [UInt32: String], _ filter: LineFilter) { (self.nodes, self.filter) = (nodes, filter) }

    mutating func text(of piece: LogReader.Piece) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        try LogEntryReader.walk(piece) { item in
            switch item {
            case .gap(let run, let from, let to):
                guard filter.takes(run) else { return }
                for source in parts.keys.filter({ $0.run == run }).sorted() { flush(source, &buffer) }
                write(run, Array("[\(to - from) bytes are missing here]".utf8)[...], &buffer)
            case .record(let run, let record, _):
                guard filter.takes(run), filter.takes(record.stream) else { return }
                take(LineSource(run: run, stream: record.stream), piece.bytes[record.range], &buffer)
            }
        }
        return buffer
    }

    /// What has no newline at the end.
    mutating func rest() -> ByteBuffer {
        var buffer = ByteBuffer()
        for source in parts.keys.sorted() { flush(source, &buffer) }
        return buffer
    }

    private mutating func take(_ source: LineSource, _ bytes: ArraySlice<UInt8>, _ buffer: inout ByteBuffer) {
        var rest = bytes
        while let end = rest.firstIndex(of: 10) {
            if parts[source] == nil {
                write(source.run, rest[..<end], &buffer)
            } else {
                parts[source]?.append(contentsOf: rest[..<end])
                flush(source, &buffer)
            }
            rest = rest[(end + 1)...]
        }
        guard !rest.isEmpty else { return }
        parts[source, default: []].append(contentsOf: rest)
        if parts[source]?.count ?? 0 >= Self.lineBytes { flush(source, &buffer) }
    }

    private mutating func flush(_ source: LineSource, _ buffer: inout ByteBuffer) {
        guard let bytes = parts.removeValue(forKey: source) else { return }
        write(source.run, bytes[...], &buffer)
    }

    private func write(_ run: UInt32, _ line: ArraySlice<UInt8>, _ buffer: inout ByteBuffer) {
        buffer.writeString("\(nodes[run] ?? "run \(run)"): ")
        buffer.writeBytes(line)
        buffer.writeInteger(UInt8(10))
    }
}

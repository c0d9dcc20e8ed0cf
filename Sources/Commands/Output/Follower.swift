import FoundationEssentials
import Messages
import Spool

/// Follows one execution over any number of connections: what was shown is never shown again, and nothing is left out.
///
/// Decides only: it takes frames and fills a buffer. The place to resume at is that of the last whole entry.
struct Follower {
    /// Where to resume.
    struct Place: Equatable {
        var log: String?
        var offset: UInt64 = LogReader.start
        /// With one node: the position in its spool.
        var position: UInt64 = 0
    }

    private(set) var place: Place
    private(set) var runs: [Int: Run] = [:]
    /// All that was in the log at the opening has come.
    private(set) var isCaughtUp = false
    /// Every run has ended and all its output has come.
    private(set) var isComplete = false
    /// What is to be said of the gateway that has the rest, each once.
    private var notes: [String] = []
    private var isOwnerAway = false
    private var formatter: OutputFormatter?
    private let style: OutputStyle
    /// Only this node's run is followed.
    private let node: NodeName?
    /// Which of several this is.
    private let followed: Followed?
    /// Per run, the position after what was shown.
    private var shown: [UInt32: UInt64] = [:]

    init(style: OutputStyle, node: NodeName? = nil, since position: UInt64 = 0, of followed: Followed? = nil) {
        self.style = style
        self.followed = followed
        self.node = node
        place = Place(position: position)
    }

    /// A new connection begins; `opened` tells where.
    mutating func reconnect() { isCaughtUp = false }

    /// The log has become shorter than what was read of it: it is read anew, and what was shown is known by position.
    mutating func startOver() { place.offset = LogReader.start }

    /// Throws a `CommandError`.
    mutating func receive(_ frame: Frame, into buffer: inout OutputBuffer) throws {
        switch frame {
        case .text(let bytes): try take(notice: bytes, into: &buffer)
        case .binary(let bytes):
            try bytes.withUnsafeBytes { try take(entries: $0, into: &buffer) }
        }
    }

    /// Shows what has no newline; nothing more will come.
    mutating func finish(into buffer: inout OutputBuffer) { formatter?.finishAll(into: &buffer) }

    private mutating func take(notice bytes: [UInt8], into buffer: inout OutputBuffer) throws(CommandError) {
        guard let notice = try? JSONDecoder().decode(Notice.self, from: Data(bytes)) else {
            throw .misunderstood(String(decoding: bytes.prefix(200), as: UTF8.self))
        }
        switch notice.type {
        case "opened":
            try open(notice)
            if let execution = notice.execution, execution.complete != true {
                note(execution.owner ?? "", awaySince: execution.ownerAwaySince)
            }
            for run in notice.execution?.runs ?? [] { note(run, into: &buffer) }
        case "run":
            if let run = notice.run { note(run, into: &buffer) }
        case "owner": note(notice.owner ?? "", awaySince: notice.ownerAwaySince)
        case "caught-up": isCaughtUp = true
        case "complete": isComplete = true
        case "error":
            throw .refused(status: 0, Reason(code: notice.code ?? "internal", sentence: notice.sentence ?? ""))
        default: break
        }
    }

    /// What is to be said now of the owner's absence or return.
    mutating func takeNotes() -> [String] {
        defer { notes = [] }
        return notes
    }

    private mutating func note(_ owner: String, awaySince: Int64?) {
        guard (awaySince != nil) != isOwnerAway else { return }
        isOwnerAway = awaySince != nil
        notes.append(
            Table.tame(awaySince.map { Execution.awayNote(owner, since: $0) } ?? "the gateway \(owner) is back"))
    }

    /// Another log than before (made anew at the gateway) is read from its beginning; what was shown is known by position.
    private mutating func open(_ notice: Notice) throws(CommandError) {
        if let before = place.log, before != notice.log, place.offset != LogReader.start, node == nil {
            place = Place(log: notice.log)
            throw .away(gateway: "", reason: "the log was made anew")
        }
        place.log = notice.log
        if let offset = notice.offset, node == nil { place.offset = offset }
    }

    private mutating func note(_ run: Run, into buffer: inout OutputBuffer) {
        guard node == nil || run.node == node?.description else { return }
        let before = runs.updateValue(run, forKey: run.run)
        if style == .json, before?.state != run.state {
            buffer.append(StateLine.text(of: run, in: followed?.execution), to: .stdout)
        }
    }

    private mutating func take(entries bytes: UnsafeRawBufferPointer, into buffer: inout OutputBuffer)
        throws(CommandError)
    {
        guard bytes.count >= 24 else { throw .misunderstood("a short frame") }
        if formatter == nil { formatter = OutputFormatter(style, names: names, of: followed) }
        if node == nil { place.offset = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)) }
        var rest = UnsafeRawBufferPointer(rebasing: bytes[24...])
        while !rest.isEmpty {
            guard let entry = LogEntry(rest), rest.count >= entry.size else { throw .misunderstood("a damaged entry") }
            let records = UnsafeRawBufferPointer(rebasing: rest[LogEntry.headerSize..<entry.size])
            try show(entry, records, into: &buffer)
            place.offset += UInt64(entry.size)
            if node != nil { place.position = max(place.position, entry.to) }
            rest = UnsafeRawBufferPointer(rebasing: rest[entry.size...])
        }
    }

    private mutating func show(
        _ entry: LogEntry, _ records: UnsafeRawBufferPointer, into buffer: inout OutputBuffer
    ) throws(CommandError) {
        let run = Int(entry.run)
        let known = shown[entry.run] ?? (node == nil ? 0 : place.position)
        guard entry.to > known else { return }
        shown[entry.run] = entry.to
        guard entry.kind == .slice else {
            formatter?.gap(from: max(known, entry.from), to: entry.to, run: run, into: &buffer)
            return
        }
        var offset = 0
        while offset < records.count {
            guard case .success(let record) = RecordCursor.record(in: records, at: offset) else {
                throw .misunderstood("a damaged record")
            }
            if entry.from + UInt64(offset) >= known { show(record, of: run, in: records, into: &buffer) }
            offset = record.range.upperBound
        }
    }

    private mutating func show(
        _ record: Record, of run: Int, in records: UnsafeRawBufferPointer, into buffer: inout OutputBuffer
    ) {
        let content = UnsafeRawBufferPointer(rebasing: records[record.range])
        guard record.stream == .control else {
            formatter?.receive(
                content, of: record.stream, run: run, timeNanoseconds: record.timeNanoseconds, into: &buffer)
            return
        }
        if case .streamEnded(let stream) = ControlRecord(flags: record.header.flags, content: content) {
            formatter?.finish(stream, run: run, timeNanoseconds: record.timeNanoseconds, into: &buffer)
        }
    }

    /// By run number; a run that is not known yet has a name that cannot be a node's.
    private var names: [String] {
        let count = (runs.keys.max() ?? -1) + 1
        return (0..<count).map { runs[$0]?.node ?? "?" }
    }
}

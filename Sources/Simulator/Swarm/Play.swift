import Messages
import Spool

/// What a simulated node does instead of running a command: the output it would give and how it would end.
///
/// Knows `true`, `false`, `exit N`, `echo WORDS`, `seq N` and `sleep SECONDS`; anything else is not found.
struct Play: Equatable {
    /// Whole records, as a supervisor writes them; the last one says how it ended.
    var spool: [UInt8]
    var state: RunState
    var lasts: Duration

    private static let mostLines = 1_000_000

    init(_ command: WireCommand, timeNanoseconds: UInt64) {
        let words =
            command.shellLine.isEmpty
            ? command.arguments : command.shellLine.split(separator: " ").map(String.init)
        var output: [UInt8] = []
        lasts = .zero
        switch words.first {
        case "true": state = .exited(code: 0)
        case "false": state = .exited(code: 1)
        case "exit": state = .exited(code: words.dropFirst().first.flatMap { Int32($0) } ?? 0)
        case "echo":
            output = Array((words.dropFirst().joined(separator: " ") + "\n").utf8)
            state = .exited(code: 0)
        case "seq":
            let last = min(words.dropFirst().first.flatMap { Int($0) } ?? 0, Self.mostLines)
            for number in stride(from: 1, through: last, by: 1) { output += Array("\(number)\n".utf8) }
            state = .exited(code: 0)
        case "sleep":
            lasts = .milliseconds((words.dropFirst().first.flatMap { Double($0) } ?? 0) * 1000)
            state = .exited(code: 0)
        default:
            state = .refused(Failure(.notFound, "a simulated node has no command \(words.first ?? "")"))
        }
        spool = Self.spool(output, state, timeNanoseconds)
    }

    private static func spool(_ output: [UInt8], _ state: RunState, _ time: UInt64) -> [UInt8] {
        guard case .exited(let code) = state else { return [] }
        var spool: [UInt8] = []
        for start in stride(from: 0, to: output.count, by: RecordHeader.maximumLength) {
            let piece = Array(output[start..<min(start + RecordHeader.maximumLength, output.count)])
            spool += Record.bytes(.stdout, piece, timeNanoseconds: time)
        }
        for stream in [Stream.stdout, .stderr] {
            spool += ControlRecord.streamEnded(stream).record(timeNanoseconds: time)
        }
        var report = WireReport()
        state.fill(&report)
        let finish = ControlRecord.Finish(
            state: UInt8(truncatingIfNeeded: report.state.rawValue), value: code,
            stdoutBytes: UInt64(output.count), stderrBytes: 0)
        return spool + ControlRecord.finished(finish).record(timeNanoseconds: time)
    }
}

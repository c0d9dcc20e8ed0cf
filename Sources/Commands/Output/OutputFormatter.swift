import Spool

/// How output is shown.
enum OutputStyle: Equatable {
    /// The very bytes of each stream.
    case raw
    /// `node1: line`. What goes to a terminal is tamed, and its labels may be coloured.
    case labelled(Look)
    /// One JSON object a line.
    case json

    struct Look: Equatable {
        var stdoutIsTerminal = false
        var stderrIsTerminal = false
        var hasColours = false

        func isTerminal(_ stream: Stream) -> Bool { stream == .stderr ? stderrIsTerminal : stdoutIsTerminal }
    }
}

/// Turns records into what is printed. Decides only; nothing is written here.
struct OutputFormatter {
    let style: OutputStyle
    private let names: [String]
    private let labels: [[UInt8]]
    private let colouredLabels: [[UInt8]]
    /// A member of each JSON object, where there are several executions.
    private let execution: String
    private static let colours = [36, 33, 35, 32, 34, 31]
    private var cutters: [StreamOfRun: LineCutter] = [:]

    private struct StreamOfRun: Hashable {
        var run: Int
        var stream: Stream
    }

    /// `names` are the nodes by run number; of several executions each has its label behind the node.
    init(_ style: OutputStyle, names: [String], of followed: Followed? = nil) {
        self.style = style
        self.names = names
        let label = followed?.label.map { " " + Table.tame($0) } ?? ""
        execution = followed.map { #""execution":"\#($0.execution)","# } ?? ""
        labels = names.map { Array("\($0)\(label): ".utf8) }
        colouredLabels = names.indices.map { run in
            Array("\u{1B}[\(Self.colours[run % Self.colours.count])m\(names[run])\(label):\u{1B}[0m ".utf8)
        }
    }

    mutating func receive(
        _ bytes: UnsafeRawBufferPointer, of stream: Stream, run: Int, timeNanoseconds: UInt64,
        into buffer: inout OutputBuffer
    ) {
        guard labels.indices.contains(run), stream != .control else { return }
        let target: OutputBuffer.Target = stream == .stderr ? .stderr : .stdout
        if style == .raw { return buffer.append(bytes, to: target) }
        let key = StreamOfRun(run: run, stream: stream)
        var cutter = cutters.removeValue(forKey: key) ?? LineCutter()
        buffer.change(style == .json ? .stdout : target) { text in
            cutter.receive(bytes) { append($0, of: key, timeNanoseconds, to: &text) }
        }
        cutters[key] = cutter
    }

    /// A stream has ended: its last line is shown although it has no newline.
    mutating func finish(_ stream: Stream, run: Int, timeNanoseconds: UInt64 = 0, into buffer: inout OutputBuffer) {
        let key = StreamOfRun(run: run, stream: stream)
        guard labels.indices.contains(run), var cutter = cutters.removeValue(forKey: key) else { return }
        buffer.change(stream == .stderr && style != .json ? .stderr : .stdout) { text in
            cutter.finish { append($0, of: key, timeNanoseconds, to: &text) }
        }
    }

    /// Nothing more will come of any run.
    mutating func finishAll(into buffer: inout OutputBuffer) {
        for key in cutters.keys.sorted(by: { ($0.run, $0.stream.rawValue) < ($1.run, $1.stream.rawValue) }) {
            finish(key.stream, run: key.run, into: &buffer)
        }
    }

    /// Bytes that will never come.
    func gap(from: UInt64, to: UInt64, run: Int, into buffer: inout OutputBuffer) {
        guard names.indices.contains(run) else { return }
        if style == .json {
            buffer.append(
                #"{"event":"gap",\#(execution)"node":"\#(names[run])","from":\#(from),"to":\#(to)}"# + "\n", to: .stdout
            )
        } else {
            buffer.append("estiba: \(names[run]): output is missing here (\(from) to \(to))\n", to: .stderr)
        }
    }

    private func append(
        _ line: UnsafeRawBufferPointer, of key: StreamOfRun, _ timeNanoseconds: UInt64, to text: inout [UInt8]
    ) {
        switch style {
        case .raw: text.append(contentsOf: line)
        case .labelled(let look) where look.isTerminal(key.stream):
            text.append(contentsOf: look.hasColours ? colouredLabels[key.run] : labels[key.run])
            text.append(contentsOf: Tamer.tame(line))
            text.append(0x0A)
        case .labelled:
            text.append(contentsOf: labels[key.run])
            text.append(contentsOf: line)
            text.append(0x0A)
        case .json:
            text.append(
                contentsOf: #"{"event":"line",\#(execution)"node":"\#(names[key.run])","stream":"\#(key.stream)","#.utf8
            )
            text.append(contentsOf: #""time":\#(timeNanoseconds),"#.utf8)
            JSONText.appendContent(line, to: &text)
            text.append(contentsOf: "}\n".utf8)
        }
    }
}

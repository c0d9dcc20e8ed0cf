import Synchronization

/// Says how far an upload is: a bar on a terminal, events with `--json`, nothing elsewhere.
final class UploadMeter: Sendable {
    private struct State {
        var here = 0
        var moved = 0
        var began = ContinuousClock.now
        var shown = ContinuousClock.now - .seconds(10)
    }

    private struct Event: Encodable {
        var event: String
        var file: String
        var size: Int
        var here: Int?
        var moved: Int?
        var blob: String?
    }

    private let name: String
    private let size: Int
    private let isJSON: Bool
    private let isShown: Bool
    private let state = Mutex(State())
    private static let barPause = Duration.milliseconds(100)
    private static let eventPause = Duration.seconds(1)

    init(name: String, size: Int, isJSON: Bool) {
        self.name = Table.tame(name)
        self.size = size
        self.isJSON = isJSON
        isShown = !isJSON && StandardStreams.isTerminal(.stderr)
    }

    /// So much of the source is hashed.
    func read(_ count: Int) {
        guard isShown, isDue(Self.barPause) else { return }
        show("\(name): reading \(percent(count)) %")
    }

    /// The gateway has said what it has.
    func begin(here: Int) {
        state.withLock { ($0.here, $0.began) = (here, .now) }
        if isJSON { emit(Event(event: "upload", file: name, size: size, here: here)) }
    }

    func resume(here: Int) { state.withLock { $0.here = here } }

    func sent(_ count: Int) {
        let now = state.withLock { state in
            state.here = min(size, state.here + count)
            state.moved += count
            return state
        }
        guard isShown || isJSON, isDue(isJSON ? Self.eventPause : Self.barPause) else { return }
        if isJSON { return emit(Event(event: "uploading", file: name, size: size, here: now.here, moved: now.moved)) }
        show(Self.bar(name, here: now.here, size: size, moved: now.moved, in: ContinuousClock.now - now.began))
    }

    func end(_ blob: String) {
        guard isJSON else { return }
        emit(Event(event: "uploaded", file: name, size: size, moved: state.withLock(\.moved), blob: blob))
    }

    func say(_ line: String) {
        clear()
        StandardStreams.say(line)
    }

    func clear() {
        if isShown { StandardStreams.write(Array("\r\u{1B}[K".utf8), to: .stderr) }
    }

    /// `name [=====>    ] 45 % of 120 MB, 35 MB/s`.
    static func bar(_ name: String, here: Int, size: Int, moved: Int, in time: Duration) -> String {
        let width = 20
        let filled = size == 0 ? width : here * width / size
        let bar = String(repeating: "=", count: filled) + String(repeating: " ", count: width - filled)
        let seconds = max(0.001, time / .seconds(1))
        let rate = amount(Int(Double(moved) / seconds))
        return "\(name.prefix(30)) [\(bar)] \(size == 0 ? 100 : here * 100 / size) % of \(amount(size)), \(rate)/s"
    }

    /// A number of bytes as people read it, in powers of 1000.
    static func amount(_ bytes: Int) -> String {
        var value = Double(bytes)
        for unit in ["B", "kB", "MB", "GB"] {
            if value < 999.5 {
                return unit == "B" || value >= 10 ? "\(Int(value.rounded())) \(unit)" : tenths(value, unit)
            }
            value /= 1000
        }
        return tenths(value, "TB")
    }

    private static func tenths(_ value: Double, _ unit: String) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(unit)"
    }

    private func percent(_ count: Int) -> Int { size == 0 ? 100 : count * 100 / size }

    private func isDue(_ pause: Duration) -> Bool {
        state.withLock { state in
            guard ContinuousClock.now >= state.shown + pause else { return false }
            state.shown = .now
            return true
        }
    }

    private func show(_ text: String) { StandardStreams.write(Array("\r\u{1B}[K\(text)".utf8), to: .stderr) }

    private func emit(_ event: Event) { StandardStreams.emit(StateLine.line(event)) }
}

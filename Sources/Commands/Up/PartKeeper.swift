/// Which parts run and when one that died is started again. Decides only.
struct PartKeeper {
    enum Event {
        case began([String])
        case started(String, pid: Int32)
        case ended(String)
        /// From now on nothing is started any more.
        case stopping
    }

    enum Effect: Equatable {
        case start(String, after: Duration)
        /// `pids.json` is to say this.
        case record([String: Int32])
    }

    static let firstPause = Duration.milliseconds(100)
    static let longestPause = Duration.seconds(5)
    /// Who ran this long begins with the first pause again.
    static let sound = Duration.seconds(10)

    private(set) var pids: [String: Int32] = [:]
    private var startedAt: [String: ContinuousClock.Instant] = [:]
    private var pauses: [String: Duration] = [:]
    private var isStopping = false

    mutating func receive(_ event: Event, at now: ContinuousClock.Instant) -> [Effect] {
        switch event {
        case .began(let parts):
            return parts.map { .start($0, after: .zero) }
        case .started(let part, let pid):
            pids[part] = pid
            startedAt[part] = now
            return [.record(pids)]
        case .ended(let part):
            pids[part] = nil
            if isStopping { return [.record(pids)] }
            return [.record(pids), .start(part, after: pause(before: part, at: now))]
        case .stopping:
            isStopping = true
            return []
        }
    }

    private mutating func pause(before part: String, at now: ContinuousClock.Instant) -> Duration {
        let ran = startedAt.removeValue(forKey: part).map { now - $0 } ?? .zero
        let pause = ran >= Self.sound ? Self.firstPause : pauses[part] ?? Self.firstPause
        pauses[part] = min(pause * 2, Self.longestPause)
        return pause
    }
}

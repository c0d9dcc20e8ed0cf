package import Messages

/// One run on this node, from the accepted order to its last state. Decides only: no clock, no socket, no disk.
///
/// A run starts its command at most once: `start` is decided in one place, and what happens between the intent and the
/// answer of the supervisor ends, after a crash, in `interrupted`.
package struct Run: Sendable {
    package enum Phase: Equatable, Sendable {
        /// The order is being written to the disk; nothing may be said of it yet.
        case storing
        case fetching
        case placing(file: Int)
        /// To be stopped as soon as the placer at work has ended.
        case leaving
        case starting
        case running(pid: Int32)
        case ended(RunState)
    }

    package enum Event {
        case stored
        case refused(Failure)
        case fetched(percent: Int)
        case fetchedAll
        case placed
        case started(pid: Int32)
        case ended(RunState)
        /// The supervisor is gone and left no exit record; what was left of the run has been killed.
        case lost
        /// What the disk has of it is not what was written: nothing of it is obeyed any more, and nothing of it lives.
        case damaged(String)
        case stop(graceMilliseconds: UInt64)
    }

    package enum Effect: Equatable {
        case report(RunState)
        case fetch
        case place(file: Int)
        /// The placer at work is not to go on; what comes of it is told as ever.
        case endPlacing
        case start
        /// Of all that the supervisor has started, at once or as soon as there is one.
        case stop(graceMilliseconds: UInt64)
    }

    package let files: Int
    let hasCommand: Bool
    package private(set) var phase = Phase.storing
    /// A stop came before anything was begun that could be stopped.
    private var isUnwanted = false

    package init(files: Int, hasCommand: Bool) {
        self.files = files
        self.hasCommand = hasCommand
    }

    package var state: RunState {
        switch phase {
        case .storing: .waiting
        case .fetching: .fetching(percent: 0)
        case .placing, .leaving: .fetching(percent: 100)
        case .starting: files == 0 ? .delivered : .placed(last: false)
        case .running(let pid): .running(pid: pid)
        case .ended(let state): state
        }
    }

    package var isEnded: Bool {
        if case .ended = phase { true } else { false }
    }

    package mutating func receive(_ event: Event) -> [Effect] {
        if case .ended(let state) = phase {
            if case .stop = event { return [.report(state)] }
            return []
        }
        switch (event, phase) {
        case (.stored, .storing):
            if isUnwanted { return end(.cancelled) }
            return [.report(.delivered)] + proceed()
        case (.placed, .leaving), (.refused, .leaving):
            return end(.cancelled)
        case (.refused, .starting) where isUnwanted:
            return end(.cancelled)
        case (.refused(let failure), _):
            return end(.refused(failure))
        case (.fetched(let percent), .fetching):
            return [.report(.fetching(percent: percent))]
        case (.fetchedAll, .fetching):
            phase = .placing(file: 0)
            return [.place(file: 0)]
        case (.placed, .placing(let file)):
            if file + 1 < files {
                phase = .placing(file: file + 1)
                return [.place(file: file + 1)]
            }
            guard hasCommand else { return end(.placed(last: true)) }
            phase = .starting
            return [.report(.placed(last: false)), .start]
        case (.started(let pid), .starting):
            phase = .running(pid: pid)
            return [.report(.running(pid: pid))]
        case (.ended(let state), _):
            return end(state)
        case (.lost, _):
            return end(
                .interrupted(Failure(.gone, "the run's supervisor was killed; what was left of the run is ended")))
        case (.damaged(let what), _):
            return end(
                .interrupted(Failure(.internal, "\(what) was damaged on the node's disk; nothing more was started")))
        case (.stop(let grace), .running):
            return [.stop(graceMilliseconds: grace)]
        case (.stop(let grace), .starting):
            isUnwanted = true
            return [.endPlacing, .stop(graceMilliseconds: grace)]
        case (.stop, .storing):
            isUnwanted = true
            return []
        case (.stop, .placing):
            phase = .leaving
            return [.endPlacing]
        case (.stop, .leaving):
            return []
        case (.stop, _):
            return end(.cancelled)
        default:
            return []
        }
    }

    private mutating func proceed() -> [Effect] {
        if files > 0 {
            phase = .fetching
            return [.fetch]
        }
        guard hasCommand else { return end(.placed(last: true)) }
        phase = .starting
        return [.start]
    }

    private mutating func end(_ state: RunState) -> [Effect] {
        phase = .ended(state)
        return [.report(state)]
    }
}

extension Run {
    /// A run whose intent to start was on the disk when the worker started: never started again. Its supervisor, or its
    /// absence, says what became of it.
    package static func begun(files: Int) -> Run {
        var run = Run(files: files, hasCommand: true)
        run.phase = .starting
        return run
    }

    /// A run whose last state was on the disk when the worker started, and perhaps not acknowledged.
    package static func ended(_ state: RunState) -> Run {
        var run = Run(files: 0, hasCommand: true)
        run.phase = .ended(state)
        return run
    }
}

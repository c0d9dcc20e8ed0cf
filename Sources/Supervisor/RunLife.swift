/// How a run goes from its start to its end. Decides only: no clock, no process, no pipe.
///
/// ```
/// running ─> draining (the command has ended, its pipes are still open) ─> counting what is left ─> over
///    └──────────────┴─> terminating (SIGTERM sent) ─> killing (SIGKILL sent) ─> emptying the pipes ─> over
/// ```
package struct RunLife {
    package enum Event: Hashable {
        /// The command was reaped.
        case commandEnded(ExitRecord.Ending)
        /// Both pipes are at their end.
        case outputEnded
        /// The spool is full and the pipes are not read, so they cannot come to their end.
        case outputWaits
        case stopAsked(graceMilliseconds: UInt64)
        /// The run takes more than it may: this is to be its end.
        case exceeded(ExitRecord.Ending)
        /// The answer to `.count`: so many processes of the run live.
        case counted(Int)
        case tick
    }

    package enum Effect: Hashable {
        /// SIGTERM to all that live.
        case terminate
        /// SIGKILL to all that live.
        case kill
        /// Count what lives, and say so by `.counted`.
        case count
        case finish(Result)
    }

    package struct Result: Hashable {
        package var ending: ExitRecord.Ending
        package var leftOver: Int
        package var remaining: Int
    }

    /// How long pipes are read that stay open after the command has ended.
    static let drainMilliseconds: UInt64 = 5_000
    /// Of what is left then, between SIGTERM and SIGKILL.
    static let leftOverGraceMilliseconds: UInt64 = 2_000
    /// How long SIGKILL is repeated before the run is given up (a process in an uninterruptible call).
    static let killMilliseconds: UInt64 = 10_000
    /// Between two looks at what lives, while something is being ended.
    static let lookMilliseconds: UInt64 = 20

    private enum Phase: Hashable {
        case running(until: Moment?)
        case draining(until: Moment)
        case counting
        case terminating(until: Moment)
        case killing(until: Moment)
        case emptying(until: Moment, remaining: Int)
        case over
    }

    private let graceMilliseconds: UInt64
    private let leaves: Bool
    private var phase: Phase
    /// How the command itself ended, once it is reaped.
    private var ending: ExitRecord.Ending?
    /// Why the run was ended from outside, if it was while the command ran.
    private var cause: ExitRecord.Ending?
    private var leftOver = 0
    /// The newest count.
    private var living = 0
    private var outputIsOpen = true
    private var nextLook: Moment?

    package init(limits: Plan.Limits, leaves: Bool, at now: Moment) {
        graceMilliseconds = limits.graceMilliseconds
        self.leaves = leaves
        let wall = limits.wallClockMilliseconds
        phase = .running(until: wall == 0 ? nil : now.after(milliseconds: wall))
    }

    /// When `.tick` is due, if it is.
    package var wake: Moment? {
        let deadline: Moment? =
            switch phase {
            case .running(let until): until
            case .draining(let until), .terminating(let until), .killing(let until), .emptying(let until, _): until
            case .counting, .over: nil
            }
        guard let nextLook else { return deadline }
        return min(nextLook, deadline ?? nextLook)
    }

    /// Whether all that could fill the pipes is gone, so that what is left in them is little.
    package var isEmptying: Bool {
        if case .emptying = phase { true } else { false }
    }

    package mutating func receive(_ event: Event, at now: Moment) -> [Effect] {
        switch event {
        case .commandEnded(let how): commandEnded(how, at: now)
        case .outputEnded: outputEnded(at: now)
        case .outputWaits: outputWaits(at: now)
        case .stopAsked(let grace): stop(grace, cause: .stopped, at: now)
        case .exceeded(let why): exceeded(why, at: now)
        case .counted(let count): counted(count, at: now)
        case .tick: tick(at: now)
        }
    }

    private mutating func commandEnded(_ how: ExitRecord.Ending, at now: Moment) -> [Effect] {
        ending = how
        switch phase {
        case .running:
            phase = .draining(until: now.after(milliseconds: Self.drainMilliseconds))
            return outputIsOpen ? [] : settle()
        case .terminating, .killing: return [.count]
        case .draining, .counting, .emptying, .over: return []
        }
    }

    private mutating func outputEnded(at now: Moment) -> [Effect] {
        outputIsOpen = false
        switch phase {
        case .draining: return settle()
        case .emptying(_, let remaining): return finish(remaining: remaining)
        default: return []
        }
    }

    private mutating func outputWaits(at now: Moment) -> [Effect] {
        if case .draining = phase { phase = .draining(until: now.after(milliseconds: Self.drainMilliseconds)) }
        return []
    }

    private mutating func stop(_ grace: UInt64, cause why: ExitRecord.Ending, at now: Moment) -> [Effect] {
        let until = now.after(milliseconds: grace)
        switch phase {
        case .running, .draining, .counting:
            if ending == nil { cause = why }
            return terminate(until: until, at: now)
        case .terminating(let before):
            phase = .terminating(until: min(before, until))
            return []
        case .killing, .emptying, .over: return []
        }
    }

    private mutating func terminate(until: Moment, at now: Moment) -> [Effect] {
        phase = .terminating(until: until)
        nextLook = now.after(milliseconds: Self.lookMilliseconds)
        return [.terminate]
    }

    /// No grace: there is no telling what it takes meanwhile.
    private mutating func exceeded(_ why: ExitRecord.Ending, at now: Moment) -> [Effect] {
        switch phase {
        case .running, .draining, .counting, .terminating:
            if ending == nil, cause == nil { cause = why }
            return kill(at: now)
        case .killing, .emptying, .over: return []
        }
    }

    private mutating func kill(at now: Moment) -> [Effect] {
        phase = .killing(until: now.after(milliseconds: Self.killMilliseconds))
        nextLook = now.after(milliseconds: Self.lookMilliseconds)
        return [.kill, .count]
    }

    /// The command has ended and its output is read as far as it will be: what else is there?
    private mutating func settle() -> [Effect] {
        phase = .counting
        return [.count]
    }

    private mutating func counted(_ count: Int, at now: Moment) -> [Effect] {
        living = count
        switch phase {
        case .counting:
            if count == 0 || leaves { return finish(remaining: count) }
            leftOver = count
            return terminate(until: now.after(milliseconds: Self.leftOverGraceMilliseconds), at: now)
        case .terminating, .killing:
            guard count == 0, ending != nil else { return [] }
            return empty(remaining: 0, at: now)
        case .running, .draining, .emptying, .over: return []
        }
    }

    private mutating func tick(at now: Moment) -> [Effect] {
        switch phase {
        case .running(let until?) where now >= until: return stop(graceMilliseconds, cause: .timedOut, at: now)
        case .draining(let until) where now >= until: return settle()
        case .terminating(let until) where now >= until: return kill(at: now)
        case .killing(let until) where now >= until:
            return empty(remaining: max(living, 1), at: now)
        case .emptying(let until, let remaining) where now >= until: return finish(remaining: remaining)
        case .terminating, .killing: return look(at: now)
        case .running, .draining, .counting, .emptying, .over: return []
        }
    }

    private mutating func look(at now: Moment) -> [Effect] {
        guard let due = nextLook, now >= due else { return [] }
        nextLook = now.after(milliseconds: Self.lookMilliseconds)
        if case .killing = phase { return [.kill, .count] }
        return [.count]
    }

    /// Nothing lives that could write: what is in the pipes is read to the end.
    private mutating func empty(remaining: Int, at now: Moment) -> [Effect] {
        nextLook = nil
        guard outputIsOpen else { return finish(remaining: remaining) }
        phase = .emptying(until: now.after(milliseconds: Self.drainMilliseconds), remaining: remaining)
        return []
    }

    private mutating func finish(remaining: Int) -> [Effect] {
        phase = .over
        nextLook = nil
        let how = cause ?? ending ?? .signalled(signal: 9)
        return [.finish(Result(ending: how, leftOver: leftOver, remaining: remaining))]
    }
}

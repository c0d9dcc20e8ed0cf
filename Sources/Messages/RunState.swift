/// Where a run stands. A run ends in exactly one state of which `isTerminal` is true.
package enum RunState: Hashable, Sendable {
    case waiting
    case delivered
    case fetching(percent: Int)
    /// The files are in place; the end of a run that has no command.
    case placed(last: Bool)
    case running(pid: Int32)
    case exited(code: Int32)
    case signalled(signal: Int32)
    case timedOut
    case outOfMemory
    case stopped
    case expired
    case refused(Failure)
    case cancelled
    case interrupted(Failure)

    package var isTerminal: Bool {
        switch self {
        case .waiting, .delivered, .fetching, .running: false
        case .placed(let last): last
        case .exited, .signalled, .timedOut, .outOfMemory, .stopped, .expired, .refused, .cancelled, .interrupted: true
        }
    }

    /// An end otherwise than asked for; to have been stopped or cancelled is what somebody wished.
    package var isFailure: Bool {
        switch self {
        case .exited(let code): code != 0
        case .signalled, .timedOut, .outOfMemory, .expired, .refused, .interrupted: true
        case .waiting, .delivered, .fetching, .placed, .running, .stopped, .cancelled: false
        }
    }

    /// The word people and the API see.
    package var word: String {
        switch self {
        case .waiting: "waiting"
        case .delivered: "delivered"
        case .fetching: "fetching"
        case .placed: "placed"
        case .running: "running"
        case .exited: "exited"
        case .signalled: "signalled"
        case .timedOut: "timed-out"
        case .outOfMemory: "out-of-memory"
        case .stopped: "stopped"
        case .expired: "expired"
        case .refused: "refused"
        case .cancelled: "cancelled"
        case .interrupted: "interrupted"
        }
    }
}

extension RunState {
    /// The state a report carries; nil for one that this version does not know.
    package init?(_ report: WireReport) {
        switch report.state {
        case .waiting: self = .waiting
        case .delivered: self = .delivered
        case .fetching: self = .fetching(percent: Int(min(report.percent, 100)))
        case .placed: self = .placed(last: report.terminal)
        case .running: self = .running(pid: Int32(clamping: report.pid))
        case .exited: self = .exited(code: report.code)
        case .signalled: self = .signalled(signal: report.signal)
        case .timedOut: self = .timedOut
        case .outOfMemory: self = .outOfMemory
        case .stopped: self = .stopped
        case .expired: self = .expired
        case .refused: self = .refused(Failure(report.reason))
        case .cancelled: self = .cancelled
        case .interrupted: self = .interrupted(Failure(report.reason))
        case .unspecified, .UNRECOGNIZED: return nil
        }
    }

    /// Writes the state's own fields into a report.
    package func fill(_ report: inout WireReport) {
        report.terminal = isTerminal
        switch self {
        case .waiting: report.state = .waiting
        case .delivered: report.state = .delivered
        case .fetching(let percent):
            report.state = .fetching
            report.percent = UInt32(clamping: percent)
        case .placed: report.state = .placed
        case .running(let pid):
            report.state = .running
            report.pid = UInt32(clamping: pid)
        case .exited(let code):
            report.state = .exited
            report.code = code
        case .signalled(let signal):
            report.state = .signalled
            report.signal = signal
        case .timedOut: report.state = .timedOut
        case .outOfMemory: report.state = .outOfMemory
        case .stopped: report.state = .stopped
        case .expired: report.state = .expired
        case .refused(let failure):
            report.state = .refused
            report.reason = failure.wire
        case .cancelled: report.state = .cancelled
        case .interrupted(let failure):
            report.state = .interrupted
            report.reason = failure.wire
        }
    }
}

package import Messages

extension Run {
    /// What the journal and the event/ topic keep of a run.
    package var report: WireReport {
        var report = WireReport()
        state.fill(&report)
        report.sequence = sequence
        report.spool = spool
        report.timeMilliseconds = since
        report.leftOver = leftOver
        if let finalLength { report.finalLength = finalLength }
        if let remaining { report.remaining = remaining }
        if let note, !report.hasReason { report.reason = note.wire }
        return report
    }

    /// Takes over what `report` kept.
    package mutating func apply(_ report: WireReport, since: Int64) {
        guard let state = RunState(report) else { return }
        self.state = state
        self.since = since
        sequence = report.sequence
        spool = report.spool
        leftOver = report.leftOver
        note = Self.note(report, state)
        guard state.isTerminal else { return }
        finalLength = report.finalLength
        remaining = report.remaining
    }

    /// A reason that is not part of the state itself.
    static func note(_ report: WireReport, _ state: RunState) -> Failure? {
        switch state {
        case .refused, .interrupted: nil
        default: report.hasReason ? Failure(report.reason) : nil
        }
    }

    func view(_ number: Int, copied: UInt64, awaySince: Int64?) -> RunView {
        var view = RunView(
            run: number, node: node.description, state: state.word, terminal: state.isTerminal, since: since,
            copied: copied)
        switch state {
        case .exited(let code): view.code = code
        case .signalled(let signal): view.signal = signal
        case .fetching(let percent): view.percent = percent
        case .running(let pid): view.pid = pid
        case .refused(let failure), .interrupted(let failure): view.reason = FailureView(failure)
        default: break
        }
        if view.reason == nil { view.reason = note.map(FailureView.init) }
        view.finalLength = finalLength
        view.remaining = remaining.map(Int.init)
        if leftOver > 0 { view.leftOver = Int(leftOver) }
        if !state.isTerminal { view.awaySince = awaySince }
        return view
    }
}

extension Dispatcher.Report {
    /// Nil for a state that this version does not know, and for a length that no spool can have.
    package init?(_ report: WireReport) {
        guard let state = RunState(report), report.finalLength <= SliceHeader.greatestPosition else { return nil }
        self.init(
            sequence: report.sequence, state: state, spool: report.spool, finalLength: report.finalLength,
            leftOver: report.leftOver, remaining: report.remaining, note: Run.note(report, state))
    }
}

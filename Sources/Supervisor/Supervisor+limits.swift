import Glibc

/// The limits of memory and processes.
extension Supervisor {
    /// When what the run takes is to be looked at, if at all.
    var limitsDue: Moment? { result == nil ? watch?.due : nil }

    func keepLimits() {
        guard let due = limitsDue, case let begun = Moment.now, begun >= due else { return }
        let usage = processes.usage()
        guard let ending = watch?.judge(usage, begun: begun, at: .now) else { return }
        watch = nil
        carryOut(life.receive(.exceeded(ending), at: .now))
    }
}

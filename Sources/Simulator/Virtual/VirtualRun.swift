import Messages
import Supervisor

/// A supervisor and its command in virtual time: `RunLife` decides how it ends. Outlives the worker, not the machine.
final class VirtualRun {
    /// What a worker that is connected hears.
    enum News {
        case length(UInt64, released: UInt64)
        case started
        case ended(VirtualDisk.Exit)
        case gone
    }

    static let segment: UInt64 = 128 << 10

    let name: Ledger.RunName
    let truth: Truth
    private(set) var isSupervised = true
    /// The first position still held.
    private(set) var released: UInt64 = 0
    var tell: ((News) -> Void)?
    private let script: Script
    private unowned let node: VirtualNode
    private var life: RunLife
    private var copied: UInt64 = 0
    /// First positions of the segments held.
    private var segments: [UInt64] = [0]
    /// The command, while it lives.
    private var commandLives = true
    private var others: [Bool] = []
    private var pipesAreOpen = true
    private var nextWrite = 0
    private var wakes: Moment?
    private var world: Simulation { node.world }

    init(_ node: VirtualNode, _ name: Ledger.RunName, spool: UInt64, script: Script) {
        self.node = node
        self.name = name
        self.script = script
        truth = Truth(spool: spool)
        truth.living = 1
        var limits = Plan.Limits()
        limits.graceMilliseconds = 2_000
        limits.spoolBytes = script.spoolLimit
        life = RunLife(limits: limits, leaves: false, at: Moment(nanoseconds: UInt64(node.world.now)))
    }

    private var living: Int { (commandLives ? 1 : 0) + others.count }

    func begin() {
        say(.started)
        goOn()
    }

    // MARK: The command

    private func goOn() {
        guard commandLives else { return }
        guard nextWrite < script.writes.count else { return endCommand(.exited(code: script.code)) }
        let (pause, bytes) = script.writes[nextWrite]
        world.after(pause) { [self] in write(bytes) }
    }

    private func write(_ bytes: Int) {
        guard commandLives, isSupervised else { return }
        let isFull = script.isLossless && truth.length - copied >= script.spoolLimit && !life.isEmptying
        if isFull || node.disk.isFull {
            receive(.outputWaits)
            return world.after(150_000_000) { [self] in write(bytes) }
        }
        append(bytes + 20)
        nextWrite += 1
        goOn()
    }

    private func append(_ bytes: Int) {
        if truth.length + UInt64(bytes) - (segments.last ?? 0) > Self.segment, truth.length > segments.last ?? 0 {
            segments.append(truth.length)
        }
        truth.grew(by: bytes)
        release(upTo: copied)
        while !script.isLossless, segments.count > 1, truth.length - max(released, copied) > script.spoolLimit {
            truth.lose(from: max(released, copied), to: segments[1])
            letGoOfOldest()
        }
        world.trace.note(
            world.now, 6, Letter.mix(name.execution.low, truth.length, released),
            "\(world.ledger.text(name)) wrote to \(truth.length)")
        say(.length(truth.length, released: released))
    }

    private func letGoOfOldest() {
        segments.removeFirst()
        released = segments.first ?? truth.length
        copied = max(copied, released)
    }

    private func endCommand(_ ending: ExitRecord.Ending) {
        guard commandLives else { return }
        commandLives = false
        others += script.leaves
        world.trace.note(
            world.now, 7, Letter.mix(name.execution.low, UInt64(name.node), 0),
            "\(world.ledger.text(name)) command \(ending)")
        guard isSupervised else { return }
        receive(.commandEnded(ending))
        closePipes()
    }

    private func closePipes() {
        guard pipesAreOpen, !commandLives, others.isEmpty || !script.holdsPipes else { return }
        pipesAreOpen = false
        receive(.outputEnded)
    }

    // MARK: The supervisor

    /// From a worker.
    func stop(graceMilliseconds: UInt64) {
        if isSupervised { receive(.stopAsked(graceMilliseconds: graceMilliseconds > 0 ? graceMilliseconds : 2_000)) }
    }

    func release(upTo position: UInt64) {
        guard isSupervised else { return }
        copied = max(copied, min(position, truth.length))
        while segments.count > 1, segments[1] <= copied { letGoOfOldest() }
    }

    /// A worker calls up: it is told all at once.
    func connect(_ tell: @escaping (News) -> Void) {
        self.tell = tell
        say(.length(truth.length, released: released))
        say(.started)
    }

    private func say(_ news: News) {
        guard let tell else { return }
        world.after(100_000) { tell(news) }
    }

    private func receive(_ event: RunLife.Event) {
        carryOut(life.receive(event, at: Moment(nanoseconds: UInt64(world.now))))
        guard isSupervised, let wake = life.wake, wake != wakes else { return }
        wakes = wake
        world.at(max(world.now + 1, Int64(clamping: wake.nanoseconds))) { [self] in
            guard isSupervised else { return }
            if wakes == wake { wakes = nil }
            receive(.tick)
        }
    }

    private func carryOut(_ effects: [RunLife.Effect]) {
        for effect in effects {
            switch effect {
            case .terminate:
                others.removeAll { $0 }
                if script.obeys, commandLives {
                    world.after(world.dice.milliseconds(0, 40)) { [self] in endCommand(.signalled(signal: 15)) }
                }
                closePipes()
            case .kill: killAll()
            case .count: receive(.counted(living))
            case .finish(let result): finish(result)
            }
        }
    }

    /// SIGKILL to all of the run, by the supervisor or, when that is gone, by the worker.
    func killAll() {
        let commandDies = commandLives
        commandLives = false
        others = []
        truth.living = 0
        guard isSupervised else { return }
        if commandDies { receive(.commandEnded(.signalled(signal: 9))) }
        closePipes()
    }

    /// The last record and then the exit record, which is synced; a full disk is waited for.
    private func finish(_ result: RunLife.Result) {
        if !node.disk.isFull { append(44) }
        world.after(world.dice.milliseconds(1, 6)) { [self] in writeExit(result, isAppended: !node.disk.isFull) }
    }

    private func writeExit(_ result: RunLife.Result, isAppended: Bool) {
        guard isSupervised else { return }
        guard !node.disk.isFull else {
            return world.after(500_000_000) { [self] in writeExit(result, isAppended: isAppended) }
        }
        if !isAppended { append(44) }
        let exit = VirtualDisk.Exit(
            ending: result.ending, finalLength: truth.length, leftOver: UInt32(result.leftOver),
            remaining: UInt32(result.remaining))
        node.disk.folders[name.execution]?.exit = exit
        truth.finalLength = truth.length
        truth.ending = RunState(result.ending)
        truth.living = living
        isSupervised = false
        say(.ended(exit))
    }

    /// The supervisor is killed; what it started lives on, and writes to nobody.
    func killSupervisor() {
        guard isSupervised else { return }
        isSupervised = false
        truth.finalLength = truth.length
        truth.living = living
        say(.gone)
    }

    /// The machine loses its power: what of the spool was in the page cache only is lost.
    func losePower() {
        let kept = truth.ends.filter { $0 >= released && $0 >= copied }
        let cut = node.world.dice.chance(400) || kept.isEmpty ? truth.length : kept[node.world.dice.below(kept.count)]
        if cut < truth.length { truth.losePower(from: cut) }
        if isSupervised { truth.finalLength = min(cut, truth.length) }
        (isSupervised, commandLives, others) = (false, false, [])
        truth.living = 0
        tell = nil
    }

    /// Whole records from a position: at least one where one is there, and as many as fit. Nil: let go of.
    func read(from position: UInt64, limit: UInt64) -> UInt64? {
        guard position >= released else { return nil }
        let held = truth.lostFrom ?? truth.length
        var (low, high) = (0, truth.ends.count)
        while low < high {
            let middle = (low + high) / 2
            if truth.ends[middle] <= position { low = middle + 1 } else { high = middle }
        }
        var end = position
        while low < truth.ends.count, truth.ends[low] <= held, end == position || truth.ends[low] - position <= limit {
            end = truth.ends[low]
            low += 1
        }
        return end - position
    }

    var held: UInt64 { truth.lostFrom ?? truth.length }
}

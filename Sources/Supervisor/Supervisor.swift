import CLinux
import Glibc
package import Spool

/// One run: its command, both pipes into its spool, its end. A process of its own that outlives the worker.
///
/// All signals are blocked: it belongs to its run, not to who started it. SIGTERM does nothing to it; a run is stopped
/// over the socket.
package final class Supervisor {
    /// What the process exits with when there is nothing to supervise; no exit record is written then.
    package enum Refusal: Int32, Error {
        /// The plan cannot be read.
        case plan = 2
        /// Another supervisor has this folder.
        case locked = 3
        /// This run has begun before: there is a spool. Nothing is ever run twice.
        case begun = 4
        /// The folder cannot be written.
        case folder = 5
    }

    let folder: RunFolder
    let plan: Plan
    var spool: SpoolWriter
    let listener: File
    let children: File
    var clients: [Client] = []
    var keeper: SessionKeeper?
    var command: Command?
    var processes: RunProcesses
    var life: RunLife
    /// Nil where there is nothing to watch for.
    var watch: LimitWatch?
    /// What the command's start came to; nil while it is not decided.
    var started: Result<Int32, StartFailure>?
    /// Control records that the spool is still to take.
    var owed: [ControlRecord] = []
    var result: RunLife.Result?
    var exit: ExitRecord?
    /// The disk was full; tried again then.
    var stalledUntil: Moment?
    /// The last pass did not take every child that had ended.
    var hasMoreToReap = false
    private let lock: File

    /// Takes the folder and begins the spool; starts nothing yet. `line` is the worker that started this, connected.
    package init(_ folder: RunFolder, line: consuming File?) throws(Refusal) {
        self.folder = folder
        do throws(Plan.Problem) { plan = try Plan.read(from: folder) } catch { throw .plan }
        do throws(SystemError) {
            let lock = try File(folder.lock, O_RDWR)
            let place = try File(folder.path, O_RDONLY | O_DIRECTORY)
            try File.check("lock", folder.lock) { estiba_lock(lock.descriptor) }
            let overflow: SpoolWriter.Overflow = plan.limits.isLossless ? .wait : .letGo
            spool = try SpoolWriter(creating: folder.spool, limit: plan.limits.spoolBytes, overflow: overflow)
            self.lock = lock
            children = File(adopting: try File.check("signalfd") { estiba_child_descriptor() })
            listener = File(
                adopting: try File.check("listen", folder.socket) { estiba_listen(place.descriptor, "socket") })
        } catch {
            switch (error.call, error.errno) {
            case ("lock", _): throw .locked
            case ("mkdir", EEXIST): throw .begun
            default: throw .folder
            }
        }
        processes = .descendants(Descendants(root: getpid(), except: 0))
        if let line { clients = [Client(line)] }
        life = RunLife(limits: plan.limits, leaves: plan.leaves, at: .now)
    }

    /// The life of the run; returns when its exit record is written and its clients know.
    package func run() {
        begin()
        while exit == nil {
            let ready = wait()
            moveOutput(ready)
            hearVerdict()
            if ready.contains(children.descriptor) || hasMoreToReap { reap() }
            hearClients(ready)
            keepLimits()
            if isOutputWaiting { carryOut(life.receive(.outputWaits, at: .now)) }
            carryOut(life.receive(.tick, at: .now))
            payOwed()
            answerAwaiting()
        }
        leave()
    }

    /// Waits until something can be done; returns the descriptors that are ready.
    private func wait() -> Set<Int32> {
        var wanted = [children.descriptor, listener.descriptor] + clients.map(\.descriptor)
        if !isOutputWaiting { wanted += pipes.filter(\.isOpen).map(\.descriptor) }
        if started == nil, let verdict = command?.verdict.descriptor { wanted.append(verdict) }
        var polled = wanted.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let due = [life.wake, stalledUntil, limitsDue].compactMap(\.self).min()
        let isHurried = hasMoreToReap || result != nil && stalledUntil == nil
        let timeout = isHurried ? 0 : due?.milliseconds(from: .now) ?? -1
        poll(&polled, nfds_t(polled.count), timeout)
        return Set(polled.filter { $0.revents != 0 }.map(\.fd))
    }

    // MARK: The start

    private func begin() {
        do throws(SystemError) {
            estiba_set_child_subreaper(1)
            if let session = plan.session, geteuid() == 0 { keeper = try SessionKeeper(plan.account, session) }
            var kept = Cgroup.Kept()
            if plan.cgroup.isEmpty {
                processes = .descendants(Descendants(root: getpid(), except: keeper?.pid ?? 0))
            } else {
                let cgroup = Cgroup(plan.cgroup)
                kept = try cgroup.create(plan.limits)
                processes = .cgroup(cgroup)
            }
            let edges = LimitEdges(plan.limits, kept: kept) { RunUsage.tasks(of: plan.account.uid) }
            command = try Command(plan, edges)
            watch = LimitWatch(plan.limits, kept: kept, at: .now)
            if geteuid() == 0 { try File.check("capset") { estiba_keep_kill_only() } }
            estiba_set_dumpable(0)
        } catch {
            fail(.other(step: error.call, errno: error.errno))
        }
    }
}

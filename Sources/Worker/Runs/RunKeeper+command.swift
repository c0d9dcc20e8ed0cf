import Glibc
import Messages
import Placer
import Spool
import Supervisor
import ZeroMQ

/// How a run gets its command: started through a supervisor, watched over its line.
extension RunKeeper {
    /// The least time between what the supervisor says of the spool's length; the loop's clock makes it a millisecond.
    private static let askingPause = Duration.microseconds(500)

    func start() {
        guard let account else { return }
        // Before a command without files nothing has asked yet.
        if let refusal = profileRefusal { return receive(.refused(refusal)) }
        let home = home(of: account)
        let launch = Launch(
            node: site.node, execution: execution, account: account, home: home.path, placed: placedFolder)
        let spool = UInt64.random(in: 1 ... .max)
        var plan = launch.plan(
            order, spool: spool, cgroup: site.cgroups.folder(of: execution.description), session: site.session,
            most: site.settings.policy.mostOfRun)
        plan.steps = steps(launch)
        // Where the file went, its user may not be allowed to be.
        if plan.arguments.isEmpty { plan.folder = home.path }
        if leavesServices { plan.leaves = true }
        let work = StartWork(
            supervisor: site.settings.supervisor, placer: site.settings.placer, account: account, home: home,
            plan: plan,
            folder: site.store.folder(of: execution), unwanted: unwanted)
        let (keeper, mailbox) = (site.loop.bind(self), site.loop.mailbox)
        site.userChores.add(for: account.uid) {
            let result = work.start()
            mailbox.post { keeper.value.begun(result, spool: spool) }
        }
    }

    private func begun(_ result: Result<(pid: pid_t, line: Int32), Failure>, spool: UInt64) {
        switch result {
        case .success(let (pid, line)):
            self.pid = pid
            pump = OutputPump(execution, user: order.user, owner: owner, spool: spool, site: site)
            watchSupervisor(over: line)
        case .failure(let failure): receive(.refused(failure))
        }
    }

    /// `descriptor` is the line a supervisor was started with; one that was there before is called up by its folder.
    func watchSupervisor(over descriptor: Int32? = nil) {
        let connection = descriptor.map { SupervisorConnection(adopting: $0) }
        let line = SupervisorLine(site.store.folder(of: execution), connection, on: site.loop) { [weak self] news in
            self?.heard(news)
        }
        self.line = line
        if let stopGrace { line.send(.stop(graceMilliseconds: stopGrace)) }
        line.send(.await(position: pump?.flow.published ?? 0))
    }

    private func heard(_ news: SupervisorLine.News) {
        switch news {
        case .reply(.length(let length, let released)):
            pump?.grew(to: length, released: released)
            knownLength = length
            nextAsking = site.loop.now + Self.askingPause
            awaitMore()
        case .reply(.started(let pid)): receive(.started(pid: pid))
        case .reply(.failed): break
        case .reply(.ended(let record)): ended(record)
        case .gone: lost()
        }
    }

    /// Asks the supervisor to say when the spool has grown, unless that would be of no use yet: a command that prints faster
    /// than is copied keeps neither of them busy with saying so. One that prints many lines a millisecond has them in one
    /// slice: a slice for each fills the queues on the way as soon as anybody pauses, and what they drop is late.
    func awaitMore() {
        guard let length = knownLength, pump?.flow.isHeldBack != true else { return }
        if let nextAsking, nextAsking > site.loop.now { return awaitLater(nextAsking) }
        knownLength = nil
        line?.send(.await(position: length))
    }

    private func awaitLater(_ time: ContinuousClock.Instant) {
        guard !isAskingLater else { return }
        isAskingLater = true
        site.loop.after(time - site.loop.now) { [weak self] in
            self?.isAskingLater = false
            self?.awaitMore()
        }
    }

    private func ended(_ record: ExitRecord) {
        exit = record
        line = nil
        pump?.end(at: record.finalLength)
        let launch = Launch(
            node: site.node, execution: execution, account: account ?? .unknown(order), home: "", placed: placedFolder)
        receive(.ended(launch.state(record.ending, of: order)))
    }

    /// What is left of the run is ended before anything is said of it.
    private func lost() {
        line = nil
        let (keeper, mailbox) = (site.loop.bind(self), site.loop.mailbox)
        let folder = site.store.folder(of: execution)
        site.chores.add {
            // One that was started by the worker before this one, and comes only now, finds the spool and leaves. One that
            // was faster than that lives.
            if !folder.closeToSupervisors(), folder.isAlive { return mailbox.post { keeper.value.watchSupervisor() } }
            let remaining = (try? Plan.read(from: folder)).map { Leftovers.kill(of: $0) } ?? 0
            let spool = SpoolReader(folder.spool)
            let length = (try? spool.length()) ?? (try? spool.extent()) ?? 0
            mailbox.post {
                keeper.value.pump?.end(at: length)
                keeper.value.remaining = UInt32(clamping: remaining)
                keeper.value.receive(.lost)
            }
        }
    }
}

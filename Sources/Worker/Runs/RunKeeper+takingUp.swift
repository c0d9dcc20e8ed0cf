import Messages
import Spool
import Supervisor
import ZeroMQ

/// Runs that were begun or ended before this worker was started.
extension RunKeeper {
    /// A run whose supervisor was started before this worker was.
    func takeUpBegun(_ plan: Plan) {
        pump = OutputPump(execution, user: order.user, owner: owner, spool: plan.spool, site: site)
        watchSupervisor()
    }

    func takeUpEnded(_ last: WireReport) {
        word.takeUp(last)
        if last.spool != 0 {
            let pump = OutputPump(execution, user: order.user, owner: owner, spool: last.spool, site: site)
            pump.end(at: last.finalLength)
            self.pump = pump
        }
        site.say(last, of: execution, to: owner)
    }

    /// What the disk has of the run is not obeyed any more: what lives of it is ended first, and then it is said.
    func takeUpDamaged(_ what: String) {
        let (keeper, mailbox) = (site.loop.bind(self), site.loop.mailbox)
        let (folder, cgroup) = (
            site.store.folder(of: execution), site.cgroups.folder(of: execution.description)
        )
        let (execution, node) = (execution.description, site.node.description)
        site.sweeps.add {
            // One that is still on its way finds the spool and begins nothing.
            _ = folder.closeToSupervisors()
            folder.endSupervisor()
            var plan = Plan(
                spool: 0, execution: execution, node: node, account: Plan.Account(user: "", uid: 0, gid: 0, groups: []),
                arguments: [], folder: "", environment: [])
            plan.cgroup = cgroup
            let remaining = UInt32(clamping: Leftovers.kill(of: plan))
            mailbox.post {
                keeper.value.remaining = remaining
                keeper.value.receive(.damaged(what))
            }
        }
    }

    /// The order found no room on the disk: it is refused, and of that nothing is kept.
    func refuseUnkept(_ failure: Failure) {
        isUnkept = true
        receive(.refused(failure))
    }

    /// Nobody will acknowledge this run any more.
    func giveUp() { isGivenUp = true }
}

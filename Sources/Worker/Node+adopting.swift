import Bus
import Logging
import Messages
import SwiftProtobuf
import ZeroMQ

/// Runs whose gateway is gone: another one has taken them over.
extension Node {
    /// A gateway says that an execution is its own from now on. It is told that this is known once it is on the disk; for a
    /// run that is over, and for one that was never here, there is nothing to be kept.
    func adopted(_ execution: ExecutionID, _ wire: WireAdopted, by gateway: Principal) {
        guard let ownership = Ownership(wire), ownership.owner == gateway else { return }
        guard let keeper = keepers[execution] else {
            if kept(execution) != nil { repeatLast(execution, to: gateway) }
            return sayTaken(ownership, of: execution)
        }
        adopt(keeper, ownership)
    }

    /// Gives a run to its new owner, who hears at once where it stands.
    func adopt(_ keeper: RunKeeper, _ ownership: Ownership) {
        guard ownership.term >= keeper.term else { return }
        let (store, execution) = (site.store, keeper.execution)
        let (bound, mailbox) = (site.loop.bind(self), site.loop.mailbox)
        site.chores.add {
            // Not on the disk, so not acknowledged: it is said again.
            guard (try? store.own(execution, ownership)) != nil else { return }
            mailbox.post { bound.value.adopted(execution, ownership) }
        }
    }

    private func adopted(_ execution: ExecutionID, _ ownership: Ownership) {
        keepers[execution]?.belongs(to: ownership)
        sayTaken(ownership, of: execution)
    }

    private func sayTaken(_ ownership: Ownership, of execution: ExecutionID) {
        guard let body: [UInt8] = try? ownership.wire.serializedBytes() else { return }
        site.send(Header(.adoptedTaken, execution), body, to: ownership.owner)
    }
}

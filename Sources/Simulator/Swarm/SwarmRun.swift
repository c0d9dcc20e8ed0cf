import Bus
import Messages
import Spool
import Worker

/// One execution on a simulated node. Its spool is in memory and stays until the owner has copied it.
struct SwarmRun {
    let owner: Principal
    let orderHash: [UInt8]
    let topic: [UInt8]
    let spoolID = UInt64.random(in: 1 ... .max)
    let play: Play
    let endsAt: ContinuousClock.Instant
    var flow: Outflow
    var last: WireReport?
    var isAcknowledged = false

    init(
        _ admitted: Admission.Admitted, owner: Principal, node: NodeName, at now: ContinuousClock.Instant,
        timeNanoseconds: UInt64
    ) {
        let order = admitted.order
        self.owner = owner
        orderHash = admitted.ticket.orderHash
        topic = Topic.output(user: order.user, admitted.ticket.execution, node).bytes
        play = Play(order.command, timeNanoseconds: timeNanoseconds)
        endsAt = now + play.lasts
        flow = Outflow(from: 0, at: now)
    }

    var isSettled: Bool { isAcknowledged && flow.isAllCopied }

    /// Whole records from a position where one begins: at least one, and as many as fit in `limit` bytes.
    func records(from position: UInt64, limit: UInt64) -> [UInt8] {
        guard position < UInt64(play.spool.count) else { return [] }
        let start = Int(position)
        var end = start
        while end < play.spool.count {
            let next = play.spool.withUnsafeBytes { bytes in
                RecordHeader(UnsafeRawBufferPointer(rebasing: bytes[end...])).map {
                    end + RecordHeader.size + $0.length
                }
            }
            guard let next, end == start || next - start <= Int(limit) else { break }
            end = next
        }
        return Array(play.spool[start..<end])
    }
}

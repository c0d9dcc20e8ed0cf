import Bus
import Logging
import Messages
import Spool
import SwiftProtobuf
import ZeroMQ

/// Login sessions that a gateway has revoked: of none of them an order is taken.
extension Node {
    /// Takes up what an earlier worker was told.
    func takeUpRevocations() {
        do throws(SealedFile.Problem) {
            site.revocations.takeUp(try site.revocationsFile.read())
        } catch {
            // Every gateway says it again when this node has come.
            log.error("revoked sessions damaged", metadata: ["why": "\(error)"])
        }
    }

    func revoked(_ said: WireRevocations, by gateway: Principal) {
        let now = site.clocks.estimate(of: gateway, at: site.loop.now)
        guard site.revocations.take(said, from: gateway, at: now) else { return }
        log.notice(
            "sessions revoked", metadata: ["by": "\(gateway)", "standing": "\(site.revocations.count)"])
        let file = site.revocationsFile
        file.set(site.revocations.kept)
        let log = log
        site.chores.add {
            do throws(SystemError) { try file.write() } catch {
                log.error("revoked sessions not kept", metadata: ["why": "\(error)"])
            }
        }
    }

    /// Asks where a gateway has revoked more than this node has heard.
    func compare(_ sequence: UInt64, with gateway: Principal) {
        guard site.revocations.isBehind(sequence, of: gateway) else { return }
        site.send(Header(.revocationsAsked), [], to: gateway)
    }

    /// An order of a revoked session: that it was refused is written down, so that it starts nothing when it comes again.
    func refuseRevoked(_ execution: ExecutionID, for gateway: Principal) {
        log.warning("order of a revoked session", metadata: ["execution": "\(execution)"])
        intake.refused(execution)
        let why = Failure(.revoked, "Its login session was revoked before the order came to \(site.node).")
        conclude(execution, as: .refused(why), for: gateway)
    }
}
